import {
  type Attributes,
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span as OpenTelemetrySpan,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import type { RequestSpan, ServedRequest, Span, TracedBatch, TracedStatement } from '../work/span.ts';

/** Bounds the links of a request to its batches. A request that waits for a lock joins 50 batches per second. */
const MAX_LINKS_TO_BATCHES = 100;

/** A recorded span. Its attributes have the names of OpenTelemetry's semantic conventions. */
export class RecordedSpan implements RequestSpan {
  private readonly tracer: Tracer;
  private readonly span: OpenTelemetrySpan;
  /** The context of child spans, created for the first one. */
  private context: Context | null = null;
  private batches = 0;

  constructor(tracer: Tracer, span: OpenTelemetrySpan) {
    this.tracer = tracer;
    this.span = span;
  }

  get id(): string {
    return this.span.spanContext().spanId;
  }

  startStatement({ text, name }: TracedStatement): Span {
    const operation = /\w+/.exec(text)?.[0] ?? 'SQL';
    const named: Attributes = name === null ? { 'db.operation.name': operation } : { 'db.query.summary': name };
    return this.start(
      name ?? operation,
      SpanKind.CLIENT,
      { 'db.system.name': 'postgresql', 'db.query.text': text, ...named },
      this.ownContext(),
    );
  }

  /**
   * Starts the span of a batch. A batch that serves one traced request belongs to that request's trace. A batch that serves
   * several starts a new trace, and links connect it with each request.
   */
  startBatch({ name, served, size }: TracedBatch): Span {
    const recorded = served.filter((span) => span instanceof RecordedSpan);
    const isOfOne = recorded.length === 1;
    const batch = this.start(
      `batch ${name}`,
      SpanKind.INTERNAL,
      { 'order_items.batch.size': size },
      isOfOne ? this.ownContext() : ROOT_CONTEXT,
      recorded.map(({ span }) => ({ context: span.spanContext() })),
    );
    if (!isOfOne) for (const one of recorded) one.linkTo(batch);
    return batch;
  }

  end(error?: unknown): void {
    if (error !== undefined) this.fail(classifyError(error));
    this.span.end();
  }

  endRequest({ status, outcome, operation, fault }: ServedRequest): void {
    this.span.setAttribute('http.response.status_code', status).setAttribute('order_items.outcome', outcome);
    if (operation?.name != null) this.span.setAttribute('graphql.operation.name', operation.name);
    if (operation?.type != null) this.span.setAttribute('graphql.operation.type', operation.type);
    if (fault !== null) this.fail(fault);
    this.span.end();
  }

  private start(
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    context: Context,
    links: Link[] = [],
  ): RecordedSpan {
    return new RecordedSpan(this.tracer, this.tracer.startSpan(name, { kind, attributes, links }, context));
  }

  private ownContext(): Context {
    return (this.context ??= trace.setSpan(ROOT_CONTEXT, this.span));
  }

  /** Adds no link after the request has ended. A request can give up before its batch ends. */
  private linkTo(batch: RecordedSpan): void {
    this.batches += 1;
    if (this.batches > MAX_LINKS_TO_BATCHES || !this.span.isRecording()) return;
    this.span.addLink({ context: batch.span.spanContext() });
  }

  private fail(kind: string): void {
    this.span.setAttribute('error.type', kind).setStatus({ code: SpanStatusCode.ERROR });
  }
}

/** Omits the error's message, because a database driver's message can repeat a row with its note. */
function classifyError(error: unknown): string {
  if (!Error.isError(error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
