import { element } from './elements.ts';
import { type createClient, type OrderItem, Unavailable } from './orderItems.ts';

/**
 * Asks why, and cancels. A try that gets no answer may have cancelled the item: the next one has the same idempotency key,
 * so it is told the truth and cancels nothing twice.
 *
 * @returns what to tell; null where nothing was done.
 */
export function openCancelDialog(client: ReturnType<typeof createClient>, item: OrderItem): Promise<string | null> {
  const dialog = element('cancel', HTMLDialogElement);
  const form = element('cancel-form', HTMLFormElement);
  const submit = element('cancel-do', HTMLButtonElement);
  const keep = element('cancel-not', HTMLButtonElement);
  const inputs = form.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>('input, textarea');
  const trouble = element('cancel-trouble', HTMLElement);
  const tell = (text: string): void => {
    trouble.textContent = text;
    trouble.hidden = text === '';
  };
  const idempotencyKey = crypto.randomUUID();
  form.reset();
  for (const input of inputs) input.readOnly = false;
  tell('');
  element('cancel-item', HTMLElement).textContent = `${item.id}, product ${item.product.id} of order ${item.order.id}`;
  dialog.showModal();

  return new Promise((resolve) => {
    let news: string | null = null;
    const tryToCancel = async (): Promise<void> => {
      const fields = new FormData(form);
      submit.disabled = keep.disabled = true;
      tell('');
      try {
        const result = await client.cancel(
          item.id,
          fields.get('reason') as string,
          fields.get('note') as string,
          idempotencyKey,
        );
        if ('refusal' in result) tell(result.refusal);
        else {
          news = `Cancelled ${item.id}. The request was ${result.requestId}.`;
          dialog.close();
        }
      } catch (error) {
        const { message } = error as Error;
        tell(error instanceof Unavailable ? `${message} Try again: it is cancelled once at most.` : message);
        // The same key goes with the same words only.
        for (const input of inputs) input.readOnly = error instanceof Unavailable;
      } finally {
        submit.disabled = keep.disabled = false;
      }
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      void tryToCancel();
    };
    keep.onclick = () => {
      dialog.close();
    };
    // Escape, while nobody knows yet what comes of it.
    dialog.oncancel = (event) => {
      if (submit.disabled) event.preventDefault();
    };
    dialog.onclose = () => {
      resolve(news);
    };
  });
}
