import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type ConstDirectiveNode, type DocumentNode, Kind, parse, valueFromASTUntyped } from 'graphql';
import { followEvents } from '../support/eventStream.ts';
import { anOrderItem, findOrderItem } from '../support/orderItems.ts';
import { PROBES } from '../support/scopeProbes.ts';
import { type GraphQLAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

const directory = path.join(import.meta.dirname, '../../schema');
const texts = readdirSync(directory)
  .filter((file) => file.endsWith('.graphql'))
  .map((file) => readFileSync(path.join(directory, file), 'utf8'));

/** What the schema demands of the caller at one place. */
interface Demand {
  readonly authenticated: boolean;
  /** A token needs every scope of one of these lists. Null means that no scope is needed. */
  readonly scopes: readonly (readonly string[])[] | null;
}

/** By place, such as `Query.orderItem`: every field of the root types, and every other type or field with a demand. */
const demands = readDemands(parse(texts.join('\n')));

function readDemands({ definitions }: DocumentNode): Map<string, Demand> {
  const found = new Map<string, Demand>();
  for (const definition of definitions) {
    if (!('name' in definition)) continue;
    const type = definition.name.value;
    const isRoot = ['Query', 'Mutation', 'Subscription'].includes(type);
    const places: [string, readonly ConstDirectiveNode[]][] = [
      [type, (definition.directives ?? []) as ConstDirectiveNode[]],
    ];
    for (const field of 'fields' in definition ? (definition.fields ?? []) : []) {
      places.push([`${type}.${field.name.value}`, field.directives ?? []]);
    }
    for (const [place, directives] of places) {
      const demand = readDemand(directives);
      const isRootField = isRoot && place !== type;
      if (isRootField || demand.authenticated || demand.scopes !== null) found.set(place, demand);
    }
  }
  return found;
}

function readDemand(directives: readonly ConstDirectiveNode[]): Demand {
  const argument = directives
    .find(({ name }) => name.value === 'requiresScopes')
    ?.arguments?.find(({ name }) => name.value === 'scopes');
  return {
    authenticated: directives.some(({ name }) => name.value === 'authenticated'),
    scopes: argument?.value.kind === Kind.LIST ? (valueFromASTUntyped(argument.value) as string[][]) : null,
  };
}

function suffices(place: string, scope: string): boolean {
  const given = scope.split(' ');
  const scopes = demands.get(place)?.scopes;
  if (scopes == null) throw new Error(`The schema demands no scope of ${place}.`);
  return scopes.some((all) => all.every((one) => given.includes(one)));
}

const TOKENS = [
  '',
  'order-items:read',
  'order-items:cancel',
  'order-items:read order-items:cancel',
  'order-items:read:own',
  'order-items:cancel:own',
  'order-items:read:own order-items:cancel:own',
];

/** All items are those of this customer. test/attacks/ownItems.test.ts asks for the items of others. */
const CUSTOMER = 'customer';

/** Stands in every item except the one to cancel. Only a token with the read scope may receive it. */
const SECRET = 'for-readers-only';

/** The forms that a client can give a selection, so that no form evades the check. Each answers under `asked`. */
const FORMS: readonly [string, (operation: string, root: string, selection: string) => string][] = [
  ['under an alias', (operation, _, selection) => `${operation} { asked: ${selection} }`],
  [
    'in a named fragment',
    (operation, root, selection) => `${operation} { ...A } fragment A on ${root} { asked: ${selection} }`,
  ],
  [
    'in a fragment of a fragment',
    (operation, root, selection) =>
      `${operation} { ...A } fragment A on ${root} { ...B } fragment B on ${root} { asked: ${selection} }`,
  ],
  [
    'in inline fragments',
    (operation, root, selection) => `${operation} { ... on ${root} { ... { asked: ${selection} } } }`,
  ],
  [
    'behind a directive',
    (operation, _, selection) =>
      `${operation}($yes: Boolean = true) { ... @include(if: $yes) { asked: ${selection} } }`,
  ],
];

const CASES = Object.entries(PROBES).flatMap(([place, probes]) =>
  probes.flatMap((probe, number) => TOKENS.map((scope) => [place, number, scope, probe] as const)),
);

test('this file covers every root field and every other place with a demand', () => {
  expect([...demands.keys()].sort()).toEqual(Object.keys(PROBES).sort());
});

test('every root field demands a token and a scope', () => {
  const open = [...demands].filter(
    ([place, { authenticated, scopes }]) =>
      /^(Query|Mutation|Subscription)\./.test(place) && (!authenticated || scopes === null),
  );
  expect(open).toEqual([]);
});

test('the schema demands only scopes that tokens can have', () => {
  const known = ['order-items:read', 'order-items:cancel', 'order-items:read:own', 'order-items:cancel:own'];
  const demanded = [...demands.values()].flatMap(({ scopes }) => (scopes ?? []).flat());
  expect(demanded.filter((scope) => !known.includes(scope))).toEqual([]);
});

describe.each(FORMS)('a selection %s', (form, buildDocument) => {
  // graphql-js refuses a condition at the root of a subscription.
  const cases = CASES.filter(([, , , { operation }]) => form !== 'behind a directive' || operation !== 'subscription');
  test.each(cases)(
    'of %s (operation %i) with the scopes %j is answered or refused as the schema demands',
    async (place, _number, scope, { operation, root, passes, ask, find }) => {
      const id = randomUUID();
      // An order of its own, so that no other item is cancelled with it.
      const orderId = place === 'Mutation.cancelItemsOfOrder' ? `of ${id}` : 'shared';
      await anOrderItem(dataSource, { id, orderId, customerId: CUSTOMER });
      const other = await anOrderItem(dataSource, { orderId: 'shared', externalId: SECRET, customerId: CUSTOMER });
      const document = buildDocument(operation, root, ask(id, other));
      const token = await service.token({ subject: CUSTOMER, scope });
      const answer =
        operation === 'subscription'
          ? await followCancel(document, token, other)
          : await service.graphql(document, {}, token);
      expect(answer.status).toBe(200);

      if ([place, ...passes].every((one) => suffices(one, scope))) {
        expect(answer.errors).toEqual([]);
        expect(find(answer.data.asked)).toEqual(expect.anything());
      } else {
        expectForbidden(answer);
        expect(answer.data?.asked == null ? null : (find(answer.data.asked) ?? null)).toBeNull();
      }
      if (!scope.includes('order-items:read')) expect(JSON.stringify(answer.data)).not.toContain(SECRET);
      const mayCancel = operation === 'mutation' && suffices('Mutation.cancelOrderItem', scope);
      expect((await findOrderItem(dataSource, id))?.status).toBe(mayCancel ? 'cancelled' : 'pending');
    },
  );
});

/** Follows a subscription until the cancel of an item, or its refusal. */
async function followCancel(
  document: string,
  token: string,
  id: string,
): Promise<Pick<GraphQLAnswer, 'status' | 'data' | 'errors'>> {
  const { status, next, stop } = await followEvents(`${service.url}/graphql`, token, document);
  expect((await service.cancelByRest(id)).status).toBe(200);
  const result = await next();
  stop();
  return { status, data: result?.data, errors: result?.errors ?? [] };
}

function expectForbidden({ errors }: Pick<GraphQLAnswer, 'errors'>): void {
  expect(errors.length).toBeGreaterThan(0);
  for (const { extensions, message } of errors) {
    expect(extensions['code']).toBe('FORBIDDEN');
    expect(message).toMatch(/^The token lacks the scope order-items:(read|cancel)\.$/);
  }
}

describe('without a token', () => {
  test.each(
    Object.entries(PROBES).flatMap(([place, probes]) => probes.map((probe, number) => [place, number, probe] as const)),
  )('%s by operation %i gets 401, no data and no cancel', async (_place, _number, { operation, ask }) => {
    const [id, other] = [await anOrderItem(dataSource), await anOrderItem(dataSource, { externalId: SECRET })];
    const answer = await service.graphql(`${operation} { asked: ${ask(id, other)} }`, {}, '');
    expect({ status: answer.status, data: answer.data }).toEqual({ status: 401, data: undefined });
    expect(answer.errors.map(({ extensions }) => extensions['code'])).toEqual(['UNAUTHENTICATED']);
    expect((await findOrderItem(dataSource, id))?.status).toBe('pending');
  });
});

describe('a token with the cancel scope only', () => {
  test('gets the item whose cancel is refused, but not the other items of its order', async () => {
    const id = await anOrderItem(dataSource, { orderId: 'refused', status: 'complete' });
    await anOrderItem(dataSource, { orderId: 'refused', externalId: SECRET });
    const document = `mutation {
      cancelOrderItem(input: { id: "${id}", reason: "Late" }) {
        ... on OrderItemNotCancelable { orderItem { id status order { id ...A } } }
      }
    }
    fragment A on Order { all: items { edges { node { id externalId } } pageInfo { hasNextPage } } }`;
    const answer = await service.graphql(document, {}, await service.token({ scope: 'order-items:cancel' }));
    expectForbidden(answer);
    expect(answer.data.cancelOrderItem.orderItem).toEqual({
      id,
      status: 'COMPLETE',
      order: { id: 'refused', all: null },
    });
  });

  test('cannot find out whether an entity exists', async () => {
    const there = await anOrderItem(dataSource, { externalId: SECRET });
    const query = 'query($r: [_Any!]!) { _entities(representations: $r) { ... on OrderItem { id externalId } } }';
    const token = await service.token({ scope: 'order-items:cancel' });
    const [one, none] = await Promise.all(
      [there, '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f'].map((id) =>
        service.graphql(query, { r: [{ __typename: 'OrderItem', id }] }, token),
      ),
    );
    expect(one?.data).toEqual(none?.data);
    expect(one?.errors.map(({ message }) => message)).toEqual(none?.errors.map(({ message }) => message));
  });
});
