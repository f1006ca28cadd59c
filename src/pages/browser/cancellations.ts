import { element, field, TYPING_MS } from './elements.ts';
import { type Cancellation, type CancellationFilter, createClient } from './orderItems.ts';

/**
 * Shows the list of cancellations, newest first, and keeps it to its filter. A button adds the next page.
 *
 * @returns a function that shows the first page again, with what is new.
 */
export function showCancellations(token: string | null): () => Promise<void> {
  /** Aborts the running request when another one starts. */
  let searching = new AbortController();
  const client = createClient(token, () => searching.signal);
  const form = element('cancellations-filter', HTMLFormElement);
  const list = element('cancellations-list', HTMLOListElement);
  const more = element('cancellations-more', HTMLButtonElement);
  const state = element('cancellations-state', HTMLElement);
  const trouble = element('cancellations-trouble', HTMLElement);
  let labels: ReadonlyMap<string, string> = new Map();
  /** The cursor before the page that the button adds. Null is the first page. */
  let nextCursor: string | null = null;

  const showPage = async (after: string | null): Promise<void> => {
    searching.abort();
    const mine = (searching = new AbortController());
    let defect = '';
    try {
      const { cancellations, next } = await client.listCancellations(readFilter(form), after);
      if (mine.signal.aborted) return;
      const entries = cancellations.map((cancellation) => createEntry(cancellation, labels));
      if (after === null) list.replaceChildren(...entries);
      else list.append(...entries);
      nextCursor = next;
      more.hidden = next === null;
      more.textContent = 'More';
      state.textContent = describeCount(list.children.length, next !== null);
      // The button can be gone, and the keyboard focus with it.
      if (after !== null) entries[0]?.focus();
    } catch (error) {
      if (mine.signal.aborted) return;
      defect = (error as Error).message;
      nextCursor = after;
      more.hidden = false;
      more.textContent = 'Try again';
    }
    trouble.textContent = defect;
    trouble.hidden = defect === '';
  };

  let typing: ReturnType<typeof setTimeout> | undefined;
  const startOver = (): void => {
    clearTimeout(typing);
    void showPage(null);
  };
  form.addEventListener('input', () => {
    // A running request belongs to the previous filter.
    searching.abort();
    clearTimeout(typing);
    typing = setTimeout(startOver, TYPING_MS);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    startOver();
  });
  form.addEventListener('reset', () => setTimeout(startOver));
  more.addEventListener('click', () => void showPage(nextCursor));

  void createClient(token)
    .listReasonCodes()
    // Without the labels, entries show the codes.
    .catch(() => [])
    .then((codes) => {
      labels = new Map(codes.map(({ code, label }) => [code, label]));
      const offered = codes.map(({ code, label }) => new Option(label, code));
      element('cancellations-codes', HTMLDataListElement).replaceChildren(...offered);
    })
    .then(startOver);
  return () => showPage(null);
}

/** Reads the filter. The browser's time zone is the one of the times. */
function readFilter(form: HTMLFormElement): CancellationFilter {
  const fields = new FormData(form);
  const read = (name: string): string | undefined => {
    const text = (fields.get(name) as string).trim();
    return text === '' ? undefined : text;
  };
  const readTime = (name: string): string | undefined => {
    const time = read(name);
    return time === undefined ? undefined : new Date(time).toISOString();
  };
  return {
    orderId: read('orderId'),
    from: readTime('from'),
    to: readTime('to'),
    channel: read('channel'),
    reasonCode: read('reasonCode'),
    cancelledBy: read('cancelledBy'),
  };
}

function createEntry(cancellation: Cancellation, labels: ReadonlyMap<string, string>): HTMLElement {
  const entry = element('cancellation', HTMLTemplateElement).content.firstElementChild?.cloneNode(true);
  if (!(entry instanceof HTMLElement)) throw new Error('The page has no entry to copy.');
  const { quantity, reason, reasonCode, cancelledAt, cancelledBy, channel, orderItem } = cancellation;
  field(entry, 'reason').textContent = reason ?? 'No reason stated';
  field(entry, 'time').setAttribute('datetime', cancelledAt);
  field(entry, 'time').textContent = new Date(cancelledAt).toLocaleString('en');
  field(entry, 'item').textContent = orderItem.id;
  field(entry, 'facts').textContent = [
    `${quantity} of ${orderItem.quantity} unit(s)`,
    `order ${orderItem.order.id}`,
    ...(reasonCode === null ? [] : [labels.get(reasonCode) ?? reasonCode]),
    channel === 'REST' ? 'REST' : 'GraphQL',
    `by ${cancelledBy}`,
  ].join(', ');
  return entry;
}

function describeCount(count: number, hasMore: boolean): string {
  if (count === 0) return 'No cancellation matches.';
  return `${count} shown, newest first${hasMore ? '; there are more' : ''}.`;
}
