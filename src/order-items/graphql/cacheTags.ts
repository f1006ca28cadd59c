import { OperationTypeNode } from 'graphql';
import type { OperationHooks } from '../../graphql/operationHooks.ts';
import type { Representation } from './federationEntities.ts';
import { parseOrderItemId } from '../orderItem.ts';

/** `private` allows a cached answer for the same caller only, `public` for every caller. */
export type CacheScope = 'private' | 'public';

/** The tag of lists of all items. Any changed item can join or leave them. */
const ANY_LIST = 'order-items';

/** The cache tags of an answer. A consumer of events invalidates them when the shown data changes. */
export class CacheTags {
  private readonly entities: (readonly Representation[])[] = [];
  private readonly rootTags = new Set<string>();
  private readonly orderTags = new Map<string, Set<string>>();

  /** Adds the representations of `_entities`. */
  addEntities(representations: readonly Representation[]): void {
    this.entities.push(representations);
  }

  /** Adds an item of a root field. */
  addItem(id: string): void {
    this.rootTags.add(nameItemTag(id));
  }

  /** Adds a list of a root field. @param orderId is the order of its filter, or null. */
  addList(ids: readonly string[], orderId: string | null): void {
    this.rootTags.add(ANY_LIST);
    if (orderId !== null) this.rootTags.add(nameOrderTag(orderId));
    for (const id of ids) this.addItem(id);
  }

  /** Adds a list of an order's items. */
  addItemsOfOrder(orderId: string, ids: readonly string[]): void {
    const tags = this.orderTags.get(orderId) ?? new Set([nameOrderTag(orderId)]);
    for (const id of ids) tags.add(nameItemTag(id));
    this.orderTags.set(orderId, tags);
  }

  /**
   * Returns the extensions in which Apollo Router reads cache tags: a list for each entity, in order, and one for root
   * fields.
   *
   * @returns null if there are no tags.
   */
  toExtensions(): Record<string, unknown> | null {
    const [representations, ...others] = this.entities;
    const entities =
      representations === undefined || others.length > 0
        ? null
        : { apolloEntityCacheTags: representations.map((representation) => this.listTags(representation)) };
    const rest = entities === null ? [...this.rootTags, ...this.listOrderTags()] : [...this.rootTags];
    if (entities === null && rest.length === 0) return null;
    return { ...entities, ...(rest.length === 0 ? {} : { apolloCacheTags: rest }) };
  }

  private listTags({ __typename, id }: Representation): string[] {
    if (typeof id !== 'string') return [];
    if (__typename === 'Order') return [...(this.orderTags.get(id) ?? [nameOrderTag(id)])];
    const uuid = parseOrderItemId(id);
    // A query can go from an item to the list of its order, and the order is unknown here. So each item gets all order tags.
    return uuid === null ? [] : [...new Set([nameItemTag(uuid), ...this.listOrderTags()])];
  }

  private listOrderTags(): string[] {
    return [...this.orderTags.values()].flatMap((tags) => [...tags]);
  }
}

function nameItemTag(id: string): string {
  return `order-item:${id}`;
}

function nameOrderTag(id: string): string {
  return `order:${id}`;
}

/**
 * Lets routers cache answers to queries, and adds their cache tags. It covers only POST, which
 * routers use, because a cache between a browser and the service must not store personal answers. It excludes batches, which
 * can hold a cancel beside the query.
 *
 * @param cacheControl is the value of the header.
 */
export function allowCaching<TContext extends { readonly cacheTags: CacheTags | null }>(
  cacheControl: string,
): OperationHooks<TContext> {
  return {
    willSendResponse: ({ request, operation, requestIsBatched, response, contextValue: { cacheTags } }) => {
      if (response.body.kind !== 'single' || operation?.operation !== OperationTypeNode.QUERY) return;
      const { singleResult } = response.body;
      if (requestIsBatched || request.http?.method !== 'POST' || singleResult.errors !== undefined) return;
      const extensions = cacheTags?.toExtensions() ?? null;
      if (extensions === null) return;
      response.http.headers.set('cache-control', cacheControl);
      singleResult.extensions = { ...singleResult.extensions, ...extensions };
    },
  };
}
