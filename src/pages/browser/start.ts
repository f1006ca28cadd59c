import { openCancelDialog } from './cancelDialog.ts';
import { showCancellations } from './cancellations.ts';
import { element, field, TYPING_MS } from './elements.ts';
import {
  type BlockerCode,
  createClient,
  type Filter,
  type OrderItem,
  type OrderItemStatus,
  type Overview,
  type Page,
  Unavailable,
} from './orderItems.ts';
import { readTabToken } from './token.ts';

/** How often a visible page looks for changes by others. */
const REFRESH_MS = 5_000;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const STATUS_NAMES: Readonly<Record<OrderItemStatus, string>> = {
  PENDING: 'Pending',
  ON_HOLD: 'On hold',
  IN_FULFILLMENT: 'In fulfillment',
  COMPLETE: 'Complete',
  CANCELLED: 'Cancelled',
  RETURNED: 'Returned',
};

/** Describes a blocker for people. */
function describeBlocker(code: BlockerCode, { status }: OrderItem): string {
  switch (code) {
    case 'NOT_PRE_ORDERED':
      return 'It was not pre-ordered.';
    case 'TERMINAL_STATUS':
      return `It is ${STATUS_NAMES[status].toLowerCase()}.`;
    case 'WINDOW_CLOSED':
      return 'Its cancellation window has closed.';
    case 'PAST_CUTOFF':
      return 'Its release date is too close, or has come.';
  }
}

/** Aborts the running requests when a new refresh starts. */
let asking = new AbortController();
const token = await readTabToken();
const client = createClient(token, () => asking.signal);
/** The client for cancels, which are never aborted. */
const cancelClient = createClient(token);
const reloadCancellations = showCancellations(token);
const filterForm = element('filter', HTMLFormElement);
const rows = element('rows', HTMLTableSectionElement);
const previous = element('previous', HTMLButtonElement);
const next = element('next', HTMLButtonElement);

/** The cursors before each page, up to the visible one. */
let cursors: readonly (string | null)[] = [null];
let nextCursor: string | null = null;
/** Whether a page is loading. No other page can be requested meanwhile. */
let isTurning = false;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Reloads everything that is shown. @param wanted the page to show, in the form of {@link cursors}. */
async function refresh(wanted = cursors): Promise<void> {
  clearTimeout(timer);
  asking.abort();
  const mine = (asking = new AbortController());
  const isWanted = (): boolean => !mine.signal.aborted;
  // Each part appears as soon as it has arrived.
  const results = await Promise.allSettled([
    findItems(wanted.at(-1) ?? null).then((page) => {
      if (isWanted()) showPage(page, wanted);
    }),
    client.overview().then((overview) => {
      if (isWanted()) showOverview(overview);
    }),
  ]);
  if (!isWanted()) return;
  isTurning = false;
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
  showTrouble(errors[0] ?? null);
  const pauses = errors.map((error) => (error instanceof Unavailable ? error.retryAfterMs : 0));
  timer = setTimeout(refreshWhenSeen, Math.max(REFRESH_MS, ...pauses));
}

function showPage(page: Page, itsCursors: typeof cursors): void {
  cursors = itsCursors;
  nextCursor = page.next;
  isTurning = false;
  showItems(page.items);
  previous.disabled = cursors.length === 1;
  next.disabled = nextCursor === null;
}

/** Refreshes the page unless it is in the background or behind a dialog. */
function refreshWhenSeen(): void {
  const isSeen = document.visibilityState === 'visible' && document.querySelector('dialog[open]') === null;
  if (isSeen) void refresh();
  else timer = setTimeout(refreshWhenSeen, REFRESH_MS);
}

async function findItems(after: string | null): Promise<Page> {
  const form = new FormData(filterForm);
  const readText = (name: string): string => (form.get(name) as string).trim();
  const search = readText('search');
  const filter: Filter = {
    ...(search === '' ? {} : { orderId: search }),
    ...(readText('status') === '' ? {} : { statuses: [readText('status') as OrderItemStatus] }),
    ...(readText('isPreOrder') === '' ? {} : { isPreOrder: readText('isPreOrder') === 'true' }),
    ...(readText('cancelable') === '' ? {} : { cancelable: readText('cancelable') === 'true' }),
  };
  const item = UUID.test(search) ? await client.find(search) : null;
  if (item === null) return client.list(filter, after);
  return { items: matches(item, filter) ? [item] : [], next: null };
}

function matches({ status, isPreOrder, cancelability: { cancelable } }: OrderItem, filter: Filter): boolean {
  return (
    (filter.statuses?.includes(status) ?? true) &&
    (filter.isPreOrder ?? isPreOrder) === isPreOrder &&
    (filter.cancelable ?? cancelable) === cancelable
  );
}

function showItems(items: readonly OrderItem[]): void {
  const known = new Map([...rows.rows].map((row) => [row.dataset['id'], row]));
  const shown = items.map((item) => {
    const row = known.get(item.id) ?? newRow();
    fillRow(row, item);
    return row;
  });
  // Rows that stay are not moved, so the focus stays, too.
  for (const row of [...rows.rows]) if (!shown.includes(row)) row.remove();
  shown.forEach((row, place) => {
    if (rows.rows[place] !== row) rows.insertBefore(row, rows.rows[place] ?? null);
  });
  const none = element('no-items', HTMLElement);
  none.hidden = items.length > 0;
  none.textContent = cursors.length === 1 ? 'No order item matches.' : 'Nothing is left on this page.';
  element('page', HTMLElement).textContent = `Page ${cursors.length}`;
}

function newRow(): HTMLTableRowElement {
  const row = element('row', HTMLTemplateElement).content.firstElementChild?.cloneNode(true);
  if (!(row instanceof HTMLTableRowElement)) throw new Error('The page has no row to copy.');
  return row;
}

function fillRow(row: HTMLTableRowElement, item: OrderItem): void {
  row.dataset['id'] = item.id;
  field(row, 'id').textContent = item.id;
  field(row, 'order').textContent = item.order.id;
  field(row, 'product').textContent = item.product.id;
  field(row, 'status').textContent = STATUS_NAMES[item.status];
  field(row, 'isPreOrder').textContent = item.isPreOrder ? 'Yes' : 'No';
  field(row, 'releaseDate').textContent = item.releaseDate ?? '–';
  field(row, 'price').textContent = `${Number(item.price.amount).toFixed(2)} ${item.price.currency}`;
  const why = field(row, 'why');
  why.id = `why-${item.id}`;
  why.textContent = item.cancelability.blockers.map(({ code }) => describeBlocker(code, item)).join(' ');
  const button = field(row, 'cancel');
  // A `disabled` button cannot have the focus, and screen readers would not read the reason.
  button.setAttribute('aria-disabled', String(!item.cancelability.cancelable));
  button.setAttribute('aria-label', `Cancel item ${item.id}`);
  button.setAttribute('aria-describedby', why.id);
  button.onclick = () => {
    if (item.cancelability.cancelable) void cancel(item);
  };
}

async function cancel(item: OrderItem): Promise<void> {
  const place = element('news', HTMLElement);
  place.textContent = '';
  const news = await openCancelDialog(cancelClient, item);
  if (news !== null) {
    place.textContent = news;
    void reloadCancellations();
  }
  await refresh();
  // The row can be gone, and the keyboard focus with it.
  if (document.activeElement === document.body) element('items', HTMLElement).focus({ preventScroll: true });
}

function showOverview({ statuses, recent }: Overview): void {
  const most = Math.max(1, ...statuses.map(({ count }) => count));
  const list = element('statuses', HTMLElement);
  for (const { status, count } of statuses) {
    const line = list.querySelector<HTMLElement>(`[data-status="${status}"]`) ?? newStatus(list, status);
    field(line, 'bar').style.width = `${(count / most) * 100}%`;
    field(line, 'count').textContent = count.toLocaleString('en');
  }
  element('no-recent', HTMLElement).hidden = recent.length > 0;
  element('recent', HTMLElement).replaceChildren(
    ...recent.map(({ orderItemId, reason, cancelledAt, channel }) => {
      const line = document.createElement('li');
      const time = document.createElement('time');
      time.dateTime = cancelledAt;
      time.textContent = `${new Date(cancelledAt).toLocaleString('en')}, ${channel === 'rest' ? 'REST' : 'GraphQL'}`;
      const id = document.createElement('code');
      id.textContent = orderItemId;
      line.append(`${reason ?? 'No reason stated'} `, time, document.createElement('br'), id);
      return line;
    }),
  );
}

function newStatus(list: HTMLElement, status: OrderItemStatus): HTMLElement {
  const line = document.createElement('li');
  line.dataset['status'] = status;
  const only = document.createElement('button');
  only.type = 'button';
  only.textContent = STATUS_NAMES[status];
  only.onclick = () => {
    const choice = filterForm.elements.namedItem('status');
    if (choice instanceof HTMLSelectElement) choice.value = status;
    startOver();
  };
  const bar = document.createElement('span');
  bar.dataset['field'] = 'bar';
  bar.className = 'bar';
  const count = document.createElement('span');
  count.dataset['field'] = 'count';
  count.className = 'count';
  line.append(only, bar, count);
  list.append(line);
  return line;
}

function showTrouble(error: Error | null): void {
  const trouble = element('trouble', HTMLElement);
  trouble.hidden = error === null;
  if (trouble.textContent !== (error?.message ?? '')) trouble.textContent = error?.message ?? '';
}

/** Shows the first page, after the filter changed. */
function startOver(): void {
  void refresh([null]);
}

function turnTo(wanted: readonly (string | null)[]): void {
  if (isTurning) return;
  isTurning = true;
  void refresh(wanted);
}

let typing: ReturnType<typeof setTimeout> | undefined;
filterForm.addEventListener('input', () => {
  // A running refresh belongs to the previous page.
  isTurning = true;
  clearTimeout(typing);
  typing = setTimeout(startOver, TYPING_MS);
});
filterForm.addEventListener('submit', (event) => {
  event.preventDefault();
  startOver();
});
filterForm.addEventListener('reset', () => setTimeout(startOver));
next.addEventListener('click', () => {
  turnTo([...cursors, nextCursor]);
});
previous.addEventListener('click', () => {
  turnTo(cursors.slice(0, -1));
});
await refresh();
