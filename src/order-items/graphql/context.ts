import type { Caller } from '../../auth/caller.ts';
import type { ReportContext } from '../../graphql/errors.ts';
import type { ListLimits } from '../../graphql/operationCost.ts';
import type { CacheTags } from './cacheTags.ts';
import type { CancelOrderItems } from '../cancelOrderItems.ts';
import type { Loaders } from '../loaders.ts';

/** What a resolver knows of the request that it serves. */
export interface GraphQLContext extends ReportContext {
  readonly caller: Caller;
  readonly cancel: CancelOrderItems;
  readonly limits: ListLimits & { readonly bulkIds: number };
  readonly loaders: Loaders;
  /** Null where answers must not be kept. */
  readonly cacheTags: CacheTags | null;
}
