import { type CancelFacts, type CancelRequest, hasKey, nameKey } from './judgeCancels.ts';
import { parseOrderItemId } from './orderItem.ts';

/**
 * The items that requests need, each with the customer to whose items the request is limited, or null. Items of others are
 * neither locked nor returned, so that a stranger can hold up nobody, nor measure that an item exists.
 */
export type AskedItems = readonly { readonly id: string; readonly customer: string | null }[];

/** Whether only the items of one customer exist for the caller. */
export function isLimited({ customer }: { readonly customer: string | null }): boolean {
  return customer !== null;
}

/** Lists the items that the requests name, and those that the key of an order was used for, each once for a customer. */
export function listAsked(requests: readonly CancelRequest[], keyUses: CancelFacts['keyUses']): AskedItems {
  const asked = requests.flatMap((request) => {
    const { ids, order, customer } = request;
    const use = order !== null && hasKey(request) ? keyUses.get(nameKey(request)) : undefined;
    const needed = [...ids.map(parseOrderItemId), ...(use?.cancellations.keys() ?? [])].filter((id) => id !== null);
    return needed.map((id) => ({ id, customer }));
  });
  return [...new Map(asked.map((one) => [JSON.stringify([one.id, one.customer]), one])).values()];
}
