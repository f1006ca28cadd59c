/**
 * Mends, in what a library draws, what would keep people who use a screen reader or a keyboard out; again whenever it draws
 * anew.
 */
export function keepAccessible(root: HTMLElement, mend: (root: HTMLElement) => void): void {
  mend(root);
  new MutationObserver(() => {
    mend(root);
  }).observe(root, { subtree: true, childList: true, attributeFilter: ['role', 'aria-selected', 'class'] });
}

/** Sets an attribute where it is not so already, as that would be a change to be mended again. */
export function set(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
