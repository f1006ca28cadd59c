import { changesBetween, currentSdl, isBreaking } from '../../supergraph/schemaChanges.ts';

async function breaks(from: string, to: string): Promise<string[]> {
  const sdl = currentSdl();
  const changed = sdl.replace(from, to);
  expect(changed).not.toBe(sdl);
  return (await changesBetween(sdl, changed)).filter(isBreaking).map(({ message }) => message);
}

describe('a change of the schema', () => {
  test.each([
    ['a field by another name', '  externalId: String\n', '  sourceId: String\n', "Field 'externalId' was removed"],
    ['a field that may become null', 'quantity: Int!', 'quantity: Int', "'OrderItem.quantity' changed type"],
    ['a status by another name', '  RETURNED\n', '  SENT_BACK\n', "'RETURNED' was removed"],
    ['an argument that becomes required', 'after: String\n', 'after: String!\n', "'String' to 'String!'"],
    ['an input that becomes required', '  note: String\n', '  note: String!\n', "'String' to 'String!'"],
    ['another key', '@key(fields: "id") @requires', '@key(fields: "externalId") @requires', 'key'],
    [
      'an entity that nobody resolves',
      '@key(fields: "id") @requires',
      '@key(fields: "id", resolvable: false) @requires',
      'key',
    ],
    ['another scope', '[["order-items:read"]]', '[["order-items:admin"]]', 'requiresScopes'],
    ['a type that is not shared any more', 'type Money @shareable', 'type Money', 'shareable'],
    ['a list that must be sliced', 'requireOneSlicingArgument: false', 'requireOneSlicingArgument: true', 'Slicing'],
    ['another default', 'first: Int = 20', 'first: Int = 10', 'efault'],
    ['a refusal that goes', '  | IdempotencyKeyReused\n', '', "'IdempotencyKeyReused' was removed"],
  ])('breaks clients: %s', async (_, from, to, message) => {
    expect((await breaks(from, to)).join('\n')).toContain(message);
  });

  test.each([
    ['a new field', '  quantity: Int!\n', '  quantity: Int!\n  "How heavy."\n  weight: Int\n'],
    ['a deprecation', '  externalId: String\n', '  externalId: String @deprecated(reason: "Ask the source.")\n'],
    ['another description', 'The price of one unit.', 'What one unit costs.'],
  ])('does not break them: %s', async (_, from, to) => {
    expect(await breaks(from, to)).toEqual([]);
  });
});
