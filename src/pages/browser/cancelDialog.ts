import { element } from './elements.ts';
import { type CancelRequest, type Client, type OrderItem, Unavailable } from './orderItems.ts';
import { randomHex } from './random.ts';

/** Requests without an answer, by item. They can have cancelled the item, so a retry must be the same request. */
const unanswered = new Map<string, CancelRequest>();

/**
 * Asks for a reason and cancels the item. A try without an answer can have cancelled it. The next try has the same
 * idempotency key, so it gets the first answer and cancels nothing twice.
 *
 * @returns a message for the user, or null if nothing was done.
 */
export function openCancelDialog(client: Client, item: OrderItem): Promise<string | null> {
  const dialog = element('cancel', HTMLDialogElement);
  const form = element('cancel-form', HTMLFormElement);
  const submit = element('cancel-do', HTMLButtonElement);
  const close = element('cancel-not', HTMLButtonElement);
  const reason = element('cancel-reason', HTMLInputElement);
  const note = element('cancel-note', HTMLTextAreaElement);
  const code = element('cancel-code', HTMLSelectElement);
  const units = element('cancel-units', HTMLInputElement);
  const isForOrder = element('cancel-order', HTMLInputElement);
  const trouble = element('cancel-trouble', HTMLElement);
  const tell = (text: string): void => {
    trouble.textContent = text;
    trouble.hidden = text === '';
  };
  /** A key belongs to one request, so its values cannot change in a retry. */
  const show = (request: CancelRequest | undefined): void => {
    reason.readOnly = note.readOnly = request !== undefined;
    code.disabled = isForOrder.disabled = request !== undefined;
    units.disabled = request !== undefined || isForOrder.checked;
    close.textContent = request === undefined ? 'Keep the item' : 'Close';
    if (request === undefined) return;
    reason.value = request.reason;
    note.value = request.note;
    code.value = request.reasonCode;
    isForOrder.checked = request.isForOrder;
    if (request.units !== null) units.value = String(request.units);
  };

  form.reset();
  units.max = units.value = String(item.cancelableQuantity);
  void offerReasonCodes(client, code);
  show(unanswered.get(item.id));
  tell(unanswered.has(item.id) ? 'The last try got no answer, and may have cancelled it.' : '');
  element('cancel-item', HTMLElement).textContent = `${item.id}, product ${item.product.id} of order ${item.order.id}`;
  dialog.showModal();

  return new Promise((resolve) => {
    let news: string | null = null;
    const tryToCancel = async (): Promise<void> => {
      const request = unanswered.get(item.id) ?? {
        reason: reason.value,
        reasonCode: code.value,
        note: note.value,
        units: Number(units.value) === item.cancelableQuantity ? null : Number(units.value),
        isForOrder: isForOrder.checked,
        idempotencyKey: randomHex(16),
      };
      submit.disabled = close.disabled = true;
      tell('');
      let pauseMs = 0;
      try {
        const result = await client.cancel(item, request);
        unanswered.delete(item.id);
        if ('refusal' in result) tell(result.refusal);
        else {
          news = `Cancelled ${describe(item, request, result.cancelled)}. The request was ${result.requestId}.`;
          dialog.close();
        }
      } catch (error) {
        const { message } = error as Error;
        if (error instanceof Unavailable) {
          unanswered.set(item.id, request);
          pauseMs = error.retryAfterMs;
        }
        tell(error instanceof Unavailable ? `${message} Try again: it is cancelled once at most.` : message);
      }
      show(unanswered.get(item.id));
      close.disabled = false;
      setTimeout(() => {
        submit.disabled = false;
      }, pauseMs);
    };
    isForOrder.onchange = () => {
      units.disabled = isForOrder.checked;
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      void tryToCancel();
    };
    close.onclick = () => {
      dialog.close();
    };
    // The Escape key must not close the dialog while the answer is open.
    dialog.oncancel = (event) => {
      if (close.disabled) event.preventDefault();
    };
    dialog.onclose = () => {
      resolve(news);
    };
  });
}

/** Says what a cancel took. */
function describe({ id, order }: OrderItem, { units, isForOrder }: CancelRequest, cancelled: number): string {
  if (isForOrder) return `${cancelled} item(s) of order ${order.id}`;
  return units === null ? id : `${cancelled} unit(s) of ${id}`;
}

/** Fills the list of codes once. It stays hidden if the service lists none. */
async function offerReasonCodes(client: Client, select: HTMLSelectElement): Promise<void> {
  if (select.options.length > 1) return;
  // Without the codes, a cancel states none.
  const codes = await client.listReasonCodes().catch(() => []);
  if (select.options.length > 1) return;
  for (const { code, label } of codes) select.add(new Option(label, code));
  element('cancel-codes', HTMLElement).hidden = codes.length === 0;
}
