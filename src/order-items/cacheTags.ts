import type { ApolloServerPlugin } from '@apollo/server';
import { OperationTypeNode } from 'graphql';

/** Which items an answer shows, so that a cache can be told to forget it when one of them changes. */
export class ServedItems {
  private readonly ids = new Set<string>();
  private readonly idsByOrder = new Map<string, Set<string>>();
  private readonly entities: (readonly Representation[])[] = [];

  /** @param orderId of the order under which it is shown; null where it is shown by itself. */
  add(id: string, orderId: string | null): void {
    this.ids.add(id);
    if (orderId === null) return;
    const ofOrder = this.idsByOrder.get(orderId) ?? new Set();
    this.idsByOrder.set(orderId, ofOrder.add(id));
  }

  /** @param representations as `_entities` was given them. */
  addEntities(representations: readonly Representation[]): void {
    this.entities.push(representations);
  }

  /** The tags, as Apollo Router reads them: a list for each entity, in order, or one for the whole answer. */
  tags(): Record<string, unknown> {
    const [representations, ...others] = this.entities;
    return representations !== undefined && others.length === 0
      ? { apolloEntityCacheTags: representations.map((representation) => this.tagsOf(representation)) }
      : { apolloCacheTags: [...this.ids].map(tagOfItem) };
  }

  private tagsOf({ __typename, id }: Representation): string[] {
    if (__typename === 'OrderItem') return [tagOfItem(String(id).toLowerCase())];
    return [`order:${String(id)}`, ...[...(this.idsByOrder.get(String(id)) ?? [])].map(tagOfItem)];
  }
}

/** What a router sends to name an entity. */
export interface Representation {
  readonly __typename?: unknown;
  readonly id?: unknown;
}

function tagOfItem(id: string): string {
  return `order-item:${id}`;
}

/**
 * Lets a router keep the answers to queries for a while, and names the tags by which it can be told to forget them. Only what is asked by POST, as routers do: nothing between a
 * browser and the service may keep what is somebody's.
 *
 * @param maxAgeS how long, in seconds.
 */
export function allowCaching<TContext extends { readonly served: ServedItems | null }>(
  maxAgeS: number,
): ApolloServerPlugin<TContext> {
  return {
    requestDidStart: async () => ({
      willSendResponse: async ({ request, operation, response, contextValue: { served } }) => {
        if (response.body.kind !== 'single' || operation?.operation !== OperationTypeNode.QUERY) return;
        const { singleResult } = response.body;
        if (request.http?.method !== 'POST' || singleResult.errors !== undefined) return;
        response.http.headers.set('cache-control', `max-age=${maxAgeS}, public`);
        singleResult.extensions = { ...singleResult.extensions, ...served?.tags() };
      },
    }),
  };
}
