import type {
  ApolloServerPlugin,
  BaseContext,
  GraphQLRequestContextDidResolveOperation,
  GraphQLRequestContextWillSendResponse,
} from '@apollo/server';

/** A valid document, and the operation that the request names in it. */
export type ResolvedContext<TContext extends BaseContext> = Pick<
  GraphQLRequestContextDidResolveOperation<TContext>,
  'contextValue' | 'document' | 'operation' | 'operationName' | 'request' | 'schema'
>;

/** An answer that is about to be sent. */
export type AnsweredContext<TContext extends BaseContext> = Pick<
  GraphQLRequestContextWillSendResponse<TContext>,
  'contextValue' | 'errors' | 'operation' | 'request' | 'requestIsBatched' | 'response'
>;

/**
 * What happens with each operation, whether Apollo Server or {@link compiledExecution} answers it. Hooks keep nothing of a
 * request and can run again for it.
 */
export interface OperationHooks<TContext extends BaseContext> {
  /** @throws GraphQLError to refuse the operation. */
  readonly didResolveOperation?: (context: ResolvedContext<TContext>) => void;
  readonly willSendResponse?: (context: AnsweredContext<TContext>) => void;
}

/** Lets Apollo Server call the hooks. */
export function toPlugin<TContext extends BaseContext>(hooks: OperationHooks<TContext>): ApolloServerPlugin<TContext> {
  const listener = {
    didResolveOperation: async (context: ResolvedContext<TContext>) => hooks.didResolveOperation?.(context),
    willSendResponse: async (context: AnsweredContext<TContext>) => hooks.willSendResponse?.(context),
  };
  return { requestDidStart: () => Promise.resolve(listener) };
}
