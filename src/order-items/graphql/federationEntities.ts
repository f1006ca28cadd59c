import { type Caller, hasScope, ScopeMissing } from '../../auth/caller.ts';
import type { Loaders } from '../loaders.ts';
import { type OrderItem, parseOrderItemId } from '../orderItem.ts';

/**
 * A reference to an entity, as a router sends it. A router forwards its client's values, so the schema does not type them.
 */
export interface Representation {
  readonly __typename: 'OrderItem' | 'Order';
  readonly id?: unknown;
}

/** An entity of another subgraph, to which this one adds the items. */
interface Order {
  readonly __typename: 'Order';
  readonly id: string;
}

type Entity = OrderItem | Order;

/**
 * Resolves the entities of a request, with one read for all order items.
 *
 * @returns for each representation, in order, its entity, null if it does not exist, or an Error. graphql-js then fails this
 *   entity alone.
 */
export async function resolveEntities(
  representations: readonly Representation[],
  { caller, loaders }: { readonly caller: Caller; readonly loaders: Loaders },
): Promise<readonly (Entity | null | Error)[]> {
  const mayRead = hasScope(caller, 'order-items:read');
  const ids: string[] = [];
  const entities = representations.map((representation): Entity | number | null | Error => {
    const key = readKey(representation);
    if (representation.__typename === 'Order') return key === null ? null : { __typename: 'Order', id: key };
    if (!mayRead) return new ScopeMissing('order-items:read');
    const id = key === null ? null : parseOrderItemId(key);
    return id === null ? null : ids.push(id) - 1;
  });
  const items = await loaders.orderItem.loadAll(ids);
  return entities.map((entity) => (typeof entity === 'number' ? (items[entity] ?? null) : entity));
}

/** Returns the type of a resolved entity. */
export function resolveEntityType(entity: Entity): 'OrderItem' | 'Order' {
  return '__typename' in entity ? entity.__typename : 'OrderItem';
}

function readKey({ id }: Representation): string | null {
  if (typeof id === 'string') return id;
  return Number.isSafeInteger(id) ? String(id) : null;
}
