/** The element of the page with this id. @throws Error where the page has no such one. */
export function element<Kind extends HTMLElement>(id: string, kind: abstract new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${id}.`);
  return found;
}

/** The part of an element that shows something. @throws Error where it has no such one. */
export function field(within: HTMLElement, name: string): HTMLElement {
  const found = within.querySelector<HTMLElement>(`[data-field="${name}"]`);
  if (found === null) throw new Error(`There is no field ${name}.`);
  return found;
}
