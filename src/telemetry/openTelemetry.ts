import {
  type Attributes,
  createTraceState,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  type IdGenerator,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { type Clock, systemClock } from '../work/clock.ts';
import { logDiagnostics } from './diagnostics.ts';
import type { Logger } from './logger.ts';
import { RecordedSpan } from './recordedSpan.ts';
import type { TracedRequest, Tracing } from '../work/span.ts';
import type { SamplerName, TracingConfig } from './tracingConfig.ts';

/** How long the shutdown waits for the collector. */
const FLUSH_TIMEOUT_MS = 2_000;

/** A batch can link to every request in the lock queue. */
const MAX_LINKS = 1_000;

/** Bounds the SQL. Values that clients choose, such as operation names, are bounded before they get here. */
const MAX_ATTRIBUTE_LENGTH = 8_192;

/** The semantic conventions for HTTP spans list these methods, so a client cannot invent attribute values. */
const KNOWN_METHODS: ReadonlySet<string> = new Set(
  'CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE'.split(' '),
);

const SAMPLERS: Record<SamplerName, (ratio: number) => Sampler> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio) => new TraceIdRatioBasedSampler(ratio),
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: (ratio) => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
};

/**
 * Sends spans to a collector in the background, as Protocol Buffers with OTLP over HTTP. The SDK buffers 2,048 spans and
 * drops further ones.
 */
export function startTracing(
  { endpoint, sampler, ratio }: TracingConfig,
  logger: Logger,
  clock: Clock = systemClock,
): Tracing {
  logDiagnostics(logger, clock);
  const ids = new RequestIds();
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'order-items' }))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: sampleRequests(SAMPLERS[sampler](ratio)),
    idGenerator: ids,
    spanLimits: { linkCountLimit: MAX_LINKS, attributeValueLengthLimit: MAX_ATTRIBUTE_LENGTH },
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: endpoint }) })],
  });
  const tracer = provider.getTracer('order-items');
  return {
    startRequest: (request) => {
      const parent = readParent(request);
      const context = parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
      const span = ids.withTraceId(request.id, () =>
        tracer.startSpan(nameSpan(request), { kind: SpanKind.SERVER, attributes: describeRequest(request) }, context),
      );
      return span.isRecording() ? new RecordedSpan(tracer, span) : null;
    },
    stop: () => flush(provider, logger, clock),
  };
}

/** Sends the remaining spans, and gives up on a collector that does not answer. */
function flush(provider: TracerProvider, logger: Logger, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const giveUp = (details: object): void => {
      logger.warn(details, 'the collector did not accept the last spans');
      resolve();
    };
    const cancelTimer = clock.setTimer(() => {
      giveUp({});
    }, FLUSH_TIMEOUT_MS);
    provider
      .shutdown()
      .then(resolve, (error: unknown) => {
        giveUp({ err: error });
      })
      .finally(cancelTimer);
  });
}

function nameSpan({ method, route }: TracedRequest): string {
  const known = KNOWN_METHODS.has(method) ? method : 'HTTP';
  return route === null ? known : `${known} ${route}`;
}

/**
 * Omits `url.path`, which the semantic conventions require, because a path can hold ids and whatever a client puts there.
 */
function describeRequest({ method, route }: TracedRequest): Attributes {
  return {
    'http.request.method': KNOWN_METHODS.has(method) ? method : '_OTHER',
    'url.scheme': 'http',
    ...(route === null ? {} : { 'http.route': route }),
  };
}

/** Gives a trace the id of its request, so that one id finds the request in logs, answers, rows and traces. */
class RequestIds implements IdGenerator {
  private readonly random = new RandomIdGenerator();
  private traceId: string | null = null;

  withTraceId<T>(traceId: string, start: () => T): T {
    this.traceId = traceId;
    try {
      return start();
    } finally {
      this.traceId = null;
    }
  }

  generateTraceId(): string {
    return this.traceId ?? this.random.generateTraceId();
  }

  generateSpanId(): string {
    return this.random.generateSpanId();
  }
}

/** Applies the sampler to requests only. Spans below a traced request are always recorded. */
function sampleRequests(sampler: Sampler): Sampler {
  return {
    shouldSample: (context, traceId, name, kind, attributes, links) =>
      kind === SpanKind.SERVER
        ? sampler.shouldSample(context, traceId, name, kind, attributes, links)
        : { decision: SamplingDecision.RECORD_AND_SAMPLED },
    toString: () => sampler.toString(),
  };
}

function readParent({ id, parent, traceState }: TracedRequest): SpanContext | null {
  if (parent === null) return null;
  return {
    traceId: id,
    spanId: parent.spanId,
    traceFlags: parent.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(traceState === null ? {} : { traceState: createTraceState(traceState) }),
  };
}
