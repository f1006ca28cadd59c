/** How long a filter waits for the end of a word. */
export const TYPING_MS = 250;

/** Returns the element with this id. @throws Error if the page has none. */
export function element<Kind extends HTMLElement>(id: string, kind: abstract new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${id}.`);
  return found;
}

/** Returns the part of an element that shows a field. @throws Error if it has none. */
export function field(within: HTMLElement, name: string): HTMLElement {
  const found = within.querySelector<HTMLElement>(`[data-field="${name}"]`);
  if (found === null) throw new Error(`There is no field ${name}.`);
  return found;
}
