import { z } from 'zod';

/** The configuration of tracing. */
export interface TracingConfig {
  /** The URL that receives spans. */
  readonly endpoint: string;
  readonly sampler: SamplerName;
  /** The part of the requests that a sampler with a ratio takes, 0 to 1. */
  readonly ratio: number;
}

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
export type SamplerName = (typeof SAMPLERS)[number];

/**
 * The path below the endpoint of all signals.
 *
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
const TRACES_PATH = 'v1/traces';

const PROTOCOL = 'http/protobuf';

const endpoint = z.url({ protocol: /^https?$/, error: 'must be a URL that starts with http:// or https://' });

const environment = z.object({
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint.optional(),
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS, `must be one of ${SAMPLERS.join(', ')}`).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'must be a number from 0 to 1')
    .transform(Number)
    .default(1),
});

/** The variables that decide whether and where the service sends traces. */
export const TRACING_VARIABLES: readonly string[] = [
  ...Object.keys(environment.shape),
  'OTEL_EXPORTER_OTLP_PROTOCOL',
  'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
  'OTEL_SDK_DISABLED',
  'OTEL_TRACES_EXPORTER',
];

/**
 * Reads OpenTelemetry's variables. It ignores them if there is no endpoint, because a machine can have them for other
 * services.
 *
 * @param given the variables that are set.
 */
export function readTracing(given: Readonly<Record<string, string>>): {
  readonly tracing: TracingConfig | null;
  readonly defects: readonly string[];
} {
  const isOff = given['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || given['OTEL_TRACES_EXPORTER'] === 'none';
  const { OTEL_EXPORTER_OTLP_ENDPOINT: ofAll, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ofTraces } = given;
  if (isOff || (ofAll ?? ofTraces) === undefined) return { tracing: null, defects: [] };
  const parsed = environment.safeParse(given);
  const defects = (parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')} ${issue.message}`);
  const protocol = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'].find((name) => name in given);
  if (protocol !== undefined && given[protocol] !== PROTOCOL) defects.push(`${protocol} must be ${PROTOCOL}`);
  if (!parsed.success || defects.length > 0) return { tracing: null, defects };
  const { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: ratio } = parsed.data;
  return {
    tracing: Object.freeze({
      endpoint: ofTraces ?? `${(ofAll ?? '').replace(/\/$/, '')}/${TRACES_PATH}`,
      sampler,
      ratio,
    }),
    defects,
  };
}
