/** Something that takes time, as a trace shows it. Where nothing is traced there is null in its place. */
export interface Span {
  /** 16 hex digits. */
  readonly id: string;
  /** Begins the span of a statement that is carried out for this. */
  readonly startStatement: (statement: TracedStatement) => Span;
  /** Begins the span of a batch that serves this and others. */
  readonly startBatch: (batch: TracedBatch) => Span;
  /** @param error what went wrong, if something did; only its kind is told. */
  readonly end: (error?: unknown) => void;
}

export interface TracedStatement {
  /** Parameters have no place in it. */
  readonly text: string;
  /** Null where it has none. */
  readonly name: string | null;
}

export interface TracedBatch {
  readonly name: string;
  /** The requests in it that are traced, each once. */
  readonly served: readonly Span[];
  /** How much was asked for in it, traced or not. */
  readonly size: number;
}

/** The span of a request. */
export interface RequestSpan extends Span {
  readonly endRequest: (request: ServedRequest) => void;
}

/** A request when it comes. */
export interface TracedRequest {
  /** Becomes the id of the trace, where no other service has begun one; it is that of the trace then. */
  readonly id: string;
  readonly method: string;
  /** The pattern of its path; null where there is none. */
  readonly route: string | null;
  /** Null where the trace begins here. */
  readonly parent: RemoteSpan | null;
  /** What other services on the way have noted for themselves (W3C `tracestate`); null where there is nothing. */
  readonly traceState: string | null;
}

/** A span of the service that sent the request. */
export interface RemoteSpan {
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** A request when it is done. Every text but the operation's name comes from a list of our own. */
export interface ServedRequest {
  readonly status: number;
  readonly outcome: string;
  readonly operation: { readonly name: string | null; readonly type: string | null } | null;
  /** What kind of fault of ours it met; null where it met none. */
  readonly fault: string | null;
}

/** Makes traces of what a service does. */
export interface Tracing {
  /** @returns null where the request is not to be traced. */
  readonly startRequest: (request: TracedRequest) => RequestSpan | null;
  /** Sends what is left, in a time that is bounded. */
  readonly stop: () => Promise<void>;
}
