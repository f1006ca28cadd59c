/**
 * The token with which this tab asks: the development issuer's where the page came with one, and otherwise what whoever
 * sits before it enters. It is kept in the tab and nowhere else: not in a URL, a cookie or the browser's storage for all
 * tabs.
 */
const KEY = 'order-items token';

/** @returns null where none was entered. */
export async function tokenOfTab(): Promise<string | null> {
  const given = document.querySelector<HTMLMetaElement>('meta[name="development-token"]')?.content ?? '';
  if (given !== '') return given;
  const kept = sessionStorage.getItem(KEY);
  if (kept !== null) return kept;
  const entered = await ask();
  if (entered !== null) sessionStorage.setItem(KEY, entered);
  return entered;
}

function ask(): Promise<string | null> {
  const dialog = document.createElement('dialog');
  dialog.className = 'ask';
  dialog.setAttribute('aria-labelledby', 'ask-title');
  dialog.innerHTML = `
    <form method="dialog">
      <h2 id="ask-title">An access token</h2>
      <p>The service answers whoever has a token of its issuer. It stays in this tab and is gone when you close it.</p>
      <label>Token <input name="token" type="password" autocomplete="off" spellcheck="false" autofocus /></label>
      <div class="buttons">
        <button type="button">Go on without</button>
        <button type="submit">Use it</button>
      </div>
    </form>`;
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector('button')?.addEventListener('click', () => {
    dialog.close();
  });
  return new Promise((resolve) => {
    dialog.addEventListener('submit', () => {
      // Its prefix is often copied along.
      const token = (dialog.querySelector('input')?.value ?? '').trim().replace(/^bearer\s+/i, '');
      resolve(token === '' ? null : token);
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(null);
    });
  });
}
