/** The servers that a URL names. */
export interface ServerUrls {
  /** One URL per server, in the form that the driver accepts. */
  readonly urls: readonly [string, ...string[]];
  /** Whether connections must go to a server that accepts writes. */
  readonly mustTakeWrites: boolean;
}

const DATABASE_URL = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^/?#]*)([^?#]*)(\?[^#]*)?$/;

const TARGET = 'target_session_attrs';

/**
 * Parses a database URL as libpq does. It can name several servers, separated by commas. `target_session_attrs=read-write`
 * selects the one that accepts writes.
 *
 * @see https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
 * @returns a description of the defect if the URL is invalid.
 */
export function parseDatabaseUrl(text: string): ServerUrls | string {
  const [, start = '', hosts = '', path = '', query = ''] = DATABASE_URL.exec(text) ?? [];
  if (start === '') return 'must be a URL that starts with postgres:// or postgresql://';
  const parameters = new URLSearchParams(query);
  const target = parameters.get(TARGET);
  const [first = '', ...others] = hosts.split(',');
  if (target !== null && target !== 'read-write') return `must have no ${TARGET} but read-write`;
  if (others.length > 0 && target === null) return `must have ${TARGET}=read-write where it names several servers`;
  if (parameters.getAll('host').some((host) => host.includes(','))) {
    return 'must name several servers before the name of the database, not in host=';
  }
  // The driver does not know this parameter. All others stay as written.
  const rest = path + query.replace(/([?&])target_session_attrs=[^&]*(?:&|$)/, '$1').replace(/[?&]$/, '');
  const buildUrl = (host: string): string => `${start}${host}${rest}`;
  const urls = [buildUrl(first), ...others.map(buildUrl)] as const;
  return urls.every(isUrl)
    ? { urls, mustTakeWrites: target !== null }
    : 'must name servers as host or host:port, with what is special in a password percent-encoded';
}

/** Whether a URL is well-formed. A URL for a Unix-domain socket has no host after its credentials, which `URL` rejects. */
function isUrl(url: string): boolean {
  const parsed = URL.parse(url.replace(/^([^/]+:\/\/[^/?#]*@)(?=[/?#]|$)/, '$1localhost'));
  if (parsed === null) return false;
  try {
    decodeURIComponent(parsed.username + parsed.password);
    return true;
  } catch {
    return false;
  }
}
