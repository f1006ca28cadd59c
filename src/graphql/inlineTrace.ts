import type { ApolloServerPlugin, BaseContext, GraphQLRequest } from '@apollo/server';
import { ApolloServerPluginInlineTrace } from '@apollo/server/plugin/inlineTrace';

/** Whether a router asks how long each resolver takes. */
export function isTraced({ http }: GraphQLRequest): boolean {
  return http?.headers.get('apollo-federation-include-trace') === 'ftv1';
}

/** Apollo Server's own plugin, which prepares a trace for each request before it looks whether one is asked for. */
export function inlineTrace<TContext extends BaseContext>(): ApolloServerPlugin<TContext> {
  const plugin = ApolloServerPluginInlineTrace();
  return {
    ...plugin,
    requestDidStart: async (context) => (isTraced(context.request) ? plugin.requestDidStart?.(context) : undefined),
  };
}
