/** The servers that a URL names. */
export interface ServerUrls {
  /** One for each server, as a driver takes it. */
  readonly urls: readonly [string, ...string[]];
  /** Whether only a server that takes writes will do. */
  readonly mustTakeWrites: boolean;
}

const DATABASE_URL = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^/?#]*)([^?#]*)(\?[^#]*)?$/;

const TARGET = 'target_session_attrs';

/**
 * Reads the URL of a database as libpq does: it may name several servers, separated by commas, of which
 * `target_session_attrs=read-write` chooses the one that takes writes.
 *
 * @see https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
 * @returns what is wrong with it, where it is no such URL.
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
  // The driver would not know it. What it does know stays as it was written.
  const rest = path + query.replace(/([?&])target_session_attrs=[^&]*(?:&|$)/, '$1').replace(/[?&]$/, '');
  const urlOf = (host: string): string => `${start}${host}${rest}`;
  const urls = [urlOf(first), ...others.map(urlOf)] as const;
  return urls.every(isUrl)
    ? { urls, mustTakeWrites: target !== null }
    : 'must name servers as host or host:port, with what is special in a password percent-encoded';
}

/** A socket that is a file has no host before its credentials, which URL does not know. */
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
