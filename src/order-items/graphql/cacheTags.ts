import type { ApolloServerPlugin } from '@apollo/server';
import { OperationTypeNode } from 'graphql';
import type { Representation } from './federationEntities.ts';
import { parseOrderItemId } from '../orderItem.ts';

/** `private`: only the same caller may get a kept answer. `public`: every caller may. */
export type CacheScope = 'private' | 'public';

/** Every list of all items: any item that changes may join or leave it. */
const ANY_LIST = 'order-items';

/** What an answer shows, so that a cache can be told to forget it when that changes. */
export class CacheTags {
  private readonly entities: (readonly Representation[])[] = [];
  private readonly ofRoot = new Set<string>();
  private readonly ofOrders = new Map<string, Set<string>>();

  /** @param representations as `_entities` was given them. */
  addEntities(representations: readonly Representation[]): void {
    this.entities.push(representations);
  }

  /** An item at the top of a query. */
  addItem(id: string): void {
    this.ofRoot.add(tagOfItem(id));
  }

  /** A list of all items. @param orderId the one order whose items it has, or null. */
  addList(ids: readonly string[], orderId: string | null): void {
    this.ofRoot.add(ANY_LIST);
    if (orderId !== null) this.ofRoot.add(tagOfOrder(orderId));
    for (const id of ids) this.addItem(id);
  }

  /** A list of an order's items. */
  addItemsOfOrder(orderId: string, ids: readonly string[]): void {
    const tags = this.ofOrders.get(orderId) ?? new Set([tagOfOrder(orderId)]);
    for (const id of ids) tags.add(tagOfItem(id));
    this.ofOrders.set(orderId, tags);
  }

  /** The tags, as Apollo Router reads them: a list for each entity, in order, and one for the rest; null for nothing. */
  extensions(): Record<string, unknown> | null {
    const [representations, ...others] = this.entities;
    const entities =
      representations === undefined || others.length > 0
        ? null
        : { apolloEntityCacheTags: representations.map((representation) => this.tagsOf(representation)) };
    const rest = entities === null ? [...this.ofRoot, ...this.ofAllOrders()] : [...this.ofRoot];
    if (entities === null && rest.length === 0) return null;
    return { ...entities, ...(rest.length === 0 ? {} : { apolloCacheTags: rest }) };
  }

  private tagsOf({ __typename, id }: Representation): string[] {
    if (typeof id !== 'string') return [];
    if (__typename === 'Order') return [...(this.ofOrders.get(id) ?? [tagOfOrder(id)])];
    const uuid = parseOrderItemId(id);
    // An item may lead to the other items of its order, and nothing tells here which order that is.
    return uuid === null ? [] : [...new Set([tagOfItem(uuid), ...this.ofAllOrders()])];
  }

  private ofAllOrders(): string[] {
    return [...this.ofOrders.values()].flatMap((tags) => [...tags]);
  }
}

function tagOfItem(id: string): string {
  return `order-item:${id}`;
}

function tagOfOrder(id: string): string {
  return `order:${id}`;
}

/**
 * Lets a router keep the answers to queries for a while, and names the tags by which it can be told to forget them. Only
 * what is asked by POST, as routers do: nothing between a browser and the service may keep what is somebody's. And no
 * batch, where a cancel may stand beside the query.
 *
 * @param cacheControl the header's value.
 */
export function allowCaching<TContext extends { readonly cacheTags: CacheTags | null }>(
  cacheControl: string,
): ApolloServerPlugin<TContext> {
  return {
    requestDidStart: async () => ({
      willSendResponse: async ({ request, operation, requestIsBatched, response, contextValue: { cacheTags } }) => {
        if (response.body.kind !== 'single' || operation?.operation !== OperationTypeNode.QUERY) return;
        const { singleResult } = response.body;
        if (requestIsBatched || request.http?.method !== 'POST' || singleResult.errors !== undefined) return;
        const extensions = cacheTags?.extensions() ?? null;
        if (extensions === null) return;
        response.http.headers.set('cache-control', cacheControl);
        singleResult.extensions = { ...singleResult.extensions, ...extensions };
      },
    }),
  };
}
