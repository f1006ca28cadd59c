/**
 * The token of this tab. It is the development issuer's if the page has one. Otherwise the visitor enters it. It stays in
 * the tab, not in a URL, a cookie or the storage that all tabs share.
 */
const KEY = 'order-items token';

/** Returns the token, or asks for it. @returns null if the visitor enters none. */
export async function readTabToken(): Promise<string | null> {
  const given = document.querySelector<HTMLMetaElement>('meta[name="development-token"]')?.content ?? '';
  if (given !== '') return given;
  let token = sessionStorage.getItem(KEY);
  let defect = token === null ? null : await findTokenDefect(token);
  while (token === null || defect !== null) {
    token = await ask(defect);
    if (token === null) break;
    defect = await findTokenDefect(token);
  }
  if (token === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
  return token;
}

/** Asks the service whether it accepts a token. @returns the defect, or null. */
async function findTokenDefect(token: string): Promise<string | null> {
  try {
    const answer = await fetch('/graphql', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ __typename }' }),
    });
    if (answer.status !== 401) return null;
    const { errors } = (await answer.json()) as { errors?: { message: string }[] };
    return errors?.[0]?.message ?? 'The service does not take this token.';
  } catch {
    return null;
  }
}

function ask(defect: string | null): Promise<string | null> {
  const dialog = document.createElement('dialog');
  dialog.className = 'ask';
  dialog.setAttribute('aria-labelledby', 'ask-title');
  dialog.innerHTML = `
    <form method="dialog">
      <h2 id="ask-title">An access token</h2>
      <p>The service answers whoever has a token of its issuer. It stays in this tab and is gone when you close it.</p>
      <p class="trouble" role="alert" hidden></p>
      <label>Token
        <input name="token" type="password" autocomplete="off" spellcheck="false" autofocus required
          pattern="\\s*([Bb]earer\\s+)?[A-Za-z0-9._~+\\/\\-]+=*\\s*" title="Letters, digits and . _ ~ + / -" /></label>
      <div class="buttons">
        <button type="button">Go on without</button>
        <button type="submit">Use it</button>
      </div>
    </form>`;
  const trouble = dialog.querySelector<HTMLElement>('.trouble');
  if (trouble !== null && defect !== null) {
    trouble.textContent = `${defect}.`;
    trouble.hidden = false;
  }
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector('button')?.addEventListener('click', () => {
    dialog.close();
  });
  return new Promise((resolve) => {
    dialog.addEventListener('submit', () => {
      // The prefix is often copied with the token.
      resolve((dialog.querySelector('input')?.value ?? '').trim().replace(/^bearer\s+/i, ''));
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(null);
    });
  });
}
