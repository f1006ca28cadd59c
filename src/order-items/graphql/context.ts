import type { Caller } from '../../auth/caller.ts';
import type { Limits } from '../../config.ts';
import type { ReportContext } from '../../graphql/errors.ts';
import type { Served } from './cacheTags.ts';
import type { Cancel } from '../cancelOrderItems.ts';
import type { Loaders } from '../loaders.ts';

/** What a resolver knows of the request that it serves. */
export interface GraphQLContext extends ReportContext {
  readonly caller: Caller;
  readonly cancel: Cancel;
  readonly limits: Limits;
  readonly loaders: Loaders;
  /** Null where answers must not be kept. */
  readonly served: Served | null;
}
