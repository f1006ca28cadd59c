import { type Caller, ScopeMissing } from '../../auth/caller.ts';
import type { Loaders } from '../loaders.ts';
import { type OrderItem, parseOrderItemId } from '../orderItem.ts';

/** What a router sends to name an entity. The types of the schema do not hold here: it passes on what its client gave it. */
export interface Representation {
  readonly __typename: 'OrderItem' | 'Order';
  readonly id?: unknown;
}

/** Another subgraph's entity, of which this one knows the items. */
interface Order {
  readonly __typename: 'Order';
  readonly id: string;
}

type Entity = OrderItem | Order;

/**
 * Resolves the entities of a request: one read for all order items among them.
 *
 * @returns for each representation, in order, its entity, null where there is none, or what is wrong with this one: that
 *   fails it and not its neighbours.
 */
export async function resolveEntities(
  representations: readonly Representation[],
  { caller, loaders }: { readonly caller: Caller; readonly loaders: Loaders },
): Promise<readonly (Entity | null | Error)[]> {
  const mayRead = caller.scopes.has('order-items:read');
  const ids: string[] = [];
  const entities = representations.map((representation): Entity | number | null | Error => {
    const key = keyOf(representation);
    if (representation.__typename === 'Order') return key === null ? null : { __typename: 'Order', id: key };
    if (!mayRead) return new ScopeMissing('order-items:read');
    const id = key === null ? null : parseOrderItemId(key);
    return id === null ? null : ids.push(id) - 1;
  });
  const items = await loaders.orderItem.loadAll(ids);
  return entities.map((entity) => (typeof entity === 'number' ? (items[entity] ?? null) : entity));
}

/** The type of what {@link resolveEntities} gives. */
export function typeOfEntity(entity: Entity): 'OrderItem' | 'Order' {
  return '__typename' in entity ? entity.__typename : 'OrderItem';
}

function keyOf({ id }: Representation): string | null {
  if (typeof id === 'string') return id;
  return Number.isSafeInteger(id) ? String(id) : null;
}
