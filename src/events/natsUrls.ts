/** The NATS servers of one cluster, and how to log in to them. */
export interface NatsServers {
  /** Each as `nats://host:port` or `tls://host:port`, without credentials, so that no error message can show them. */
  readonly urls: readonly string[];
  /** Null if the servers ask for nothing. */
  readonly credentials: { readonly user: string; readonly pass: string } | { readonly token: string } | null;
}

/**
 * Parses the URLs of the servers of one cluster, separated by commas. A URL can have a user and a password, or a token in the
 * place of the user.
 *
 * @returns a description of the defect if one is invalid. It does not repeat the URL, which can hold a password.
 */
export function parseNatsUrls(text: string): NatsServers | string {
  const urls = text.split(',').map((one) => URL.parse(one.trim()));
  if (!urls.every(isServer)) {
    return 'must be URLs such as nats://user:password@host:4222 or tls://host:4222, separated by commas';
  }
  const logins = new Set(urls.map(({ username, password }) => `${username}:${password}`));
  if (logins.size > 1) return 'must have the same user and password in each of its URLs';
  const [{ username, password } = { username: '', password: '' }] = urls;
  const [user, pass] = [decode(username), decode(password)];
  if (user === null || pass === null) return 'must have what is special in a password percent-encoded';
  if (user === '' && pass !== '') return 'must name the user of the password';
  return {
    urls: urls.map(({ protocol, host }) => `${protocol}//${host}`),
    credentials: user === '' ? null : pass === '' ? { token: user } : { user, pass },
  };
}

function isServer(url: URL | null): url is URL {
  if (url === null || !['nats:', 'tls:'].includes(url.protocol) || url.hostname === '') return false;
  return ['', '/'].includes(url.pathname) && url.search === '' && url.hash === '';
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
