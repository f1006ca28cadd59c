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
import { tellDiagnostics } from './diagnostics.ts';
import type { Logger } from './logger.ts';
import { RecordedSpan } from './recordedSpan.ts';
import type { TracedRequest, Tracing } from '../work/span.ts';
import type { SamplerName, TracingConfig } from './tracingConfig.ts';

/** How long the end of the service waits for the collector. */
const FLUSH_TIMEOUT_MS = 2_000;

/** A batch links to as many requests as the lock queue takes. */
const MAX_LINKS = 1_000;

/** What a client chooses, such as the name of an operation, is bounded before it gets here; this is for the SQL. */
const MAX_ATTRIBUTE_LENGTH = 8_192;

/** As the conventions have it, so that nobody makes up names. */
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
 * Sends spans to a collector, in the background: OTLP over HTTP, in Protocol Buffers. What a collector does not take in time
 * is thrown away beyond the 2,048 spans that the SDK keeps.
 */
export function startTracing({ endpoint, sampler, ratio }: TracingConfig, logger: Logger): Tracing {
  tellDiagnostics(logger);
  const ids = new RequestIds();
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'order-items' }))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOfRequests(SAMPLERS[sampler](ratio)),
    idGenerator: ids,
    spanLimits: { linkCountLimit: MAX_LINKS, attributeValueLengthLimit: MAX_ATTRIBUTE_LENGTH },
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: endpoint }) })],
  });
  const tracer = provider.getTracer('order-items');
  return {
    startRequest: (request) => {
      const parent = parentOf(request);
      const context = parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
      const span = ids.withTraceId(request.id, () =>
        tracer.startSpan(nameOf(request), { kind: SpanKind.SERVER, attributes: attributesOf(request) }, context),
      );
      return span.isRecording() ? new RecordedSpan(tracer, span) : null;
    },
    stop: () => flush(provider, logger),
  };
}

/** Sends what is left, but does not wait for a collector that does not answer. */
function flush(provider: TracerProvider, logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    const giveUp = (details: object): void => {
      logger.warn(details, 'the collector did not take the last spans');
      resolve();
    };
    const timer = setTimeout(giveUp, FLUSH_TIMEOUT_MS, {});
    provider
      .shutdown()
      .then(resolve, (error: unknown) => {
        giveUp({ err: error });
      })
      .finally(() => {
        clearTimeout(timer);
      });
  });
}

function nameOf({ method, route }: TracedRequest): string {
  const known = KNOWN_METHODS.has(method) ? method : 'HTTP';
  return route === null ? known : `${known} ${route}`;
}

/** Not the path, though the conventions want it: what a path names, and what else somebody puts there, is nobody's business. */
function attributesOf({ method, route }: TracedRequest): Attributes {
  return {
    'http.request.method': KNOWN_METHODS.has(method) ? method : '_OTHER',
    'url.scheme': 'http',
    ...(route === null ? {} : { 'http.route': route }),
  };
}

/** The id of a request is that of its trace, in every log, answer and row; so the SDK must not make up another. */
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

/** The sampler judges requests. What is done for one that is traced is traced, in its trace or in that of a batch. */
function samplerOfRequests(sampler: Sampler): Sampler {
  return {
    shouldSample: (context, traceId, name, kind, attributes, links) =>
      kind === SpanKind.SERVER
        ? sampler.shouldSample(context, traceId, name, kind, attributes, links)
        : { decision: SamplingDecision.RECORD_AND_SAMPLED },
    toString: () => sampler.toString(),
  };
}

function parentOf({ id, parent, traceState }: TracedRequest): SpanContext | null {
  if (parent === null) return null;
  return {
    traceId: id,
    spanId: parent.spanId,
    traceFlags: parent.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(traceState === null ? {} : { traceState: createTraceState(traceState) }),
  };
}
