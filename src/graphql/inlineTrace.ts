import type { ApolloServerPlugin, BaseContext, GraphQLRequest } from '@apollo/server';
import { ApolloServerPluginInlineTrace } from '@apollo/server/plugin/inlineTrace';

/** Whether a router requests an inline trace, which times each resolver. */
export function isTraced({ http }: GraphQLRequest): boolean {
  return http?.headers.get('apollo-federation-include-trace') === 'ftv1';
}

/** Wraps Apollo Server's plugin, which would prepare a trace for every request. */
export function inlineTrace<TContext extends BaseContext>(): ApolloServerPlugin<TContext> {
  const plugin = ApolloServerPluginInlineTrace();
  return {
    ...plugin,
    requestDidStart: async (context) => (isTraced(context.request) ? plugin.requestDidStart?.(context) : undefined),
  };
}
