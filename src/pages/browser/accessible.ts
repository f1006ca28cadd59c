/**
 * Repairs the accessibility of elements that a library draws, for screen readers and keyboards. It repeats the repair
 * whenever the library draws again.
 */
export function keepAccessible(root: HTMLElement, mend: (root: HTMLElement) => void): void {
  mend(root);
  new MutationObserver(() => {
    mend(root);
  }).observe(root, { subtree: true, childList: true, attributeFilter: ['role', 'aria-selected', 'class'] });
}

/** Sets an attribute only if its value differs, because each change triggers another repair. */
export function set(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
