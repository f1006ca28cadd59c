/** A span of a trace. Code that can run untraced holds `Span | null`. */
export interface Span {
  /** 16 hex digits. */
  readonly id: string;
  /** Starts the span of a statement below this span. */
  readonly startStatement: (statement: TracedStatement) => Span;
  /** Starts the span of a batch that serves this span's request and others. */
  readonly startBatch: (batch: TracedBatch) => Span;
  /** @param error what failed, if anything did. The span shows only its kind. */
  readonly end: (error?: unknown) => void;
}

export interface TracedStatement {
  /** The SQL, without parameters. */
  readonly text: string;
  /** Null if the statement has none. */
  readonly name: string | null;
}

export interface TracedBatch {
  readonly name: string;
  /** The traced requests of the batch, each once. */
  readonly served: readonly Span[];
  /** The number of keys in the batch, traced or not. */
  readonly size: number;
}

/** The span of a request. */
export interface RequestSpan extends Span {
  readonly endRequest: (request: ServedRequest) => void;
}

/** A request that has arrived. */
export interface TracedRequest {
  /** The trace id: that of the incoming trace, or a new one. */
  readonly id: string;
  readonly method: string;
  /** The route's pattern, or null if no route matches. */
  readonly route: string | null;
  /** Null if the trace starts here. */
  readonly parent: RemoteSpan | null;
  /** The header `tracestate` (W3C Trace Context), or null. */
  readonly traceState: string | null;
}

/** A span of the service that sent the request. */
export interface RemoteSpan {
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** A request that has its answer. Only the operation's name is a text that the client chose. */
export interface ServedRequest {
  readonly status: number;
  readonly outcome: string;
  readonly operation: { readonly name: string | null; readonly type: string | null } | null;
  /** The kind of the fault that ended the request, or null. */
  readonly fault: string | null;
}

/** Records the traces of a service. */
export interface Tracing {
  /** @returns null if the request is not traced. */
  readonly startRequest: (request: TracedRequest) => RequestSpan | null;
  /** Sends the remaining spans, in bounded time. */
  readonly stop: () => Promise<void>;
}
