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
  const trouble = element('cancel-trouble', HTMLElement);
  const tell = (text: string): void => {
    trouble.textContent = text;
    trouble.hidden = text === '';
  };
  /** A key belongs to one reason and note, so these cannot change in a retry. */
  const show = (request: CancelRequest | undefined): void => {
    reason.readOnly = note.readOnly = request !== undefined;
    close.textContent = request === undefined ? 'Keep the item' : 'Close';
    if (request === undefined) return;
    reason.value = request.reason;
    note.value = request.note;
  };

  form.reset();
  show(unanswered.get(item.id));
  tell(unanswered.has(item.id) ? 'The last try got no answer, and may have cancelled it.' : '');
  element('cancel-item', HTMLElement).textContent = `${item.id}, product ${item.product.id} of order ${item.order.id}`;
  dialog.showModal();

  return new Promise((resolve) => {
    let news: string | null = null;
    const tryToCancel = async (): Promise<void> => {
      const request = unanswered.get(item.id) ?? {
        reason: reason.value,
        note: note.value,
        idempotencyKey: randomHex(16),
      };
      submit.disabled = close.disabled = true;
      tell('');
      let pauseMs = 0;
      try {
        const result = await client.cancel(item.id, request);
        unanswered.delete(item.id);
        if ('refusal' in result) tell(result.refusal);
        else {
          news = `Cancelled ${item.id}. The request was ${result.requestId}.`;
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
