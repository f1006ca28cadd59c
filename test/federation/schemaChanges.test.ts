import { findChanges, readCurrentSdl, isBreaking } from '../../supergraph/schemaChanges.ts';

async function findBreaks(from: string, to: string): Promise<string[]> {
  const sdl = readCurrentSdl();
  const changed = sdl.replace(from, to);
  expect(changed).not.toBe(sdl);
  return (await findChanges(sdl, changed)).filter(isBreaking).map(({ message }) => message);
}

describe('the comparison of two schemas', () => {
  test.each([
    ['a renamed field', '  externalId: String\n', '  sourceId: String\n', "Field 'externalId' was removed"],
    ['a field that may become null', 'quantity: Int!', 'quantity: Int', "'OrderItem.quantity' changed type"],
    ['a renamed status', '  RETURNED\n', '  SENT_BACK\n', "'RETURNED' was removed"],
    ['an argument that becomes required', 'after: String\n', 'after: String!\n', "'String' to 'String!'"],
    ['an input that becomes required', '  note: String\n', '  note: String!\n', "'String' to 'String!'"],
    ['a changed key', '@key(fields: "id")\n', '@key(fields: "externalId")\n', 'key'],
    ['an entity that becomes unresolvable', '@key(fields: "id")\n', '@key(fields: "id", resolvable: false)\n', 'key'],
    ['a changed scope', '[["order-items:read"], ', '[["order-items:admin"], ', 'requiresScopes'],
    ['a scope that no longer suffices', '[["order-items:read"], ', '[', 'requiresScopes'],
    ['a scope that another one must join', '[["order-items:read"], ', '[["order-items:read", "a"], ', 'requiresScopes'],
    [
      'a new scope',
      '  externalId: String\n',
      '  externalId: String @requiresScopes(scopes: [["a"]])\n',
      'requiresScopes',
    ],
    ['a type that is no longer shareable', 'type Money @shareable', 'type Money', 'shareable'],
    [
      'a list that requires a slicing argument',
      'requireOneSlicingArgument: false',
      'requireOneSlicingArgument: true',
      'Slicing',
    ],
    ['a changed default value', 'first: Int = 20', 'first: Int = 10', 'efault'],
    ['a removed refusal', '  | IdempotencyKeyReused\n', '', "'IdempotencyKeyReused' was removed"],
  ])('reports as breaking: %s', async (_, from, to, message) => {
    expect((await findBreaks(from, to)).join('\n')).toContain(message);
  });

  test.each([
    ['a new field', '  quantity: Int!\n', '  quantity: Int!\n  "How heavy."\n  weight: Int\n'],
    [
      'a new field that needs a scope',
      '  quantity: Int!\n',
      '  quantity: Int!\n  "How heavy."\n  weight: Int @authenticated @requiresScopes(scopes: [["order-items:read"]])\n',
    ],
    ['a further scope that suffices', '[["order-items:read"], ', '[["a"], ["order-items:read"], '],
    ['a deprecation', '  externalId: String\n', '  externalId: String @deprecated(reason: "Ask the source.")\n'],
    ['a changed description', 'The price of one unit.', 'What one unit costs.'],
  ])('accepts as compatible: %s', async (_, from, to) => {
    expect(await findBreaks(from, to)).toEqual([]);
  });
});
