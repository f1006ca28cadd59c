import { parseDatabaseUrl } from '../../src/database/databaseUrl.ts';

describe('parseDatabaseUrl', () => {
  test.each<[string, readonly string[], boolean]>([
    ['postgres://u:p@db/items', ['postgres://u:p@db/items'], false],
    ['postgresql://u:p@[::1]:5433/items?sslmode=require', ['postgresql://u:p@[::1]:5433/items?sslmode=require'], false],
    ['postgres://u:p@/items?host=/var/run', ['postgres://u:p@/items?host=/var/run'], false],
    ['postgres://u@db/items?target_session_attrs=read-write', ['postgres://u@db/items'], true],
    [
      'postgres://u:p%2C%40@a:1,b,[::1]:3/items?sslmode=require&target_session_attrs=read-write&application_name=x',
      ['a:1', 'b', '[::1]:3'].map((host) => `postgres://u:p%2C%40@${host}/items?sslmode=require&application_name=x`),
      true,
    ],
  ])('lists the servers of %s', (text, urls, mustTakeWrites) => {
    expect(parseDatabaseUrl(text)).toEqual({ urls, mustTakeWrites });
  });

  test.each([
    ['mysql://db/items', 'must be a URL that starts with postgres:// or postgresql://'],
    ['db', 'must be a URL that starts with postgres:// or postgresql://'],
    ['postgres://a,b/items', 'must have target_session_attrs=read-write where it names several servers'],
    ['postgres://a/items?target_session_attrs=standby', 'must have no target_session_attrs but read-write'],
    [
      'postgres://u:p@/items?host=a,b&target_session_attrs=read-write',
      'must name several servers before the name of the database, not in host=',
    ],
    [
      'postgres://u:100%@db/items',
      'must name servers as host or host:port, with what is special in a password percent-encoded',
    ],
    [
      'postgres://a:x,b/items?target_session_attrs=read-write',
      'must name servers as host or host:port, with what is special in a password percent-encoded',
    ],
  ])('refuses %s and names the defect', (text, defect) => {
    expect(parseDatabaseUrl(text)).toBe(defect);
  });
});
