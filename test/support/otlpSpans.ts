/** A span as a collector receives it. */
export interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty if there is none. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  /** 1: internal, 2: server, 3: client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 0: unset, 2: error. */
  readonly status: number;
  readonly durationMs: number;
  /** The attributes of the service. */
  readonly resource: Readonly<Record<string, unknown>>;
}

/** The fields of a message by number: integers, or bytes for everything else. */
type Fields = Map<number, (Buffer | bigint)[]>;

/**
 * Parses a request that exports spans, with the field numbers of
 * https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
 */
export function readExport(body: Buffer): ExportedSpan[] {
  return messagesIn(parseFields(body), 1).flatMap((resourceSpans) => {
    const resource = attributesIn(messagesIn(resourceSpans, 1)[0] ?? new Map(), 1);
    return messagesIn(resourceSpans, 2).flatMap((scopeSpans) =>
      messagesIn(scopeSpans, 2).map((span) => ({ ...readSpan(span), resource })),
    );
  });
}

function readSpan(span: Fields): Omit<ExportedSpan, 'resource'> {
  return {
    traceId: bytesIn(span, 1).toString('hex'),
    spanId: bytesIn(span, 2).toString('hex'),
    traceState: bytesIn(span, 3).toString(),
    parentSpanId: bytesIn(span, 4).toString('hex'),
    name: bytesIn(span, 5).toString(),
    kind: Number(numberIn(span, 6)),
    durationMs: Number(numberIn(span, 8) - numberIn(span, 7)) / 1e6,
    attributes: attributesIn(span, 9),
    links: messagesIn(span, 13).map((link) => ({
      traceId: bytesIn(link, 1).toString('hex'),
      spanId: bytesIn(link, 2).toString('hex'),
    })),
    status: Number(numberIn(messagesIn(span, 15)[0] ?? new Map(), 3)),
  };
}

function attributesIn(message: Fields, number: number): Record<string, unknown> {
  return Object.fromEntries(
    messagesIn(message, number).map((attribute) => {
      const value = messagesIn(attribute, 2)[0] ?? new Map();
      return [
        bytesIn(attribute, 1).toString(),
        value.has(1) ? bytesIn(value, 1).toString() : Number(numberIn(value, 3)),
      ];
    }),
  );
}

function messagesIn(message: Fields, number: number): Fields[] {
  return (message.get(number) ?? []).filter((value) => typeof value !== 'bigint').map(parseFields);
}

function bytesIn(message: Fields, number: number): Buffer {
  const value = message.get(number)?.[0];
  return typeof value === 'object' ? value : Buffer.alloc(0);
}

function numberIn(message: Fields, number: number): bigint {
  const value = message.get(number)?.[0];
  return typeof value === 'bigint' ? value : 0n;
}

/** @see https://protobuf.dev/programming-guides/encoding/ */
function parseFields(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => bytes.subarray(at, (at += length));
  while (at < bytes.length) {
    const tag = Number(varint());
    const wireType = tag & 7;
    let value: Buffer | bigint;
    if (wireType === 0) value = varint();
    else if (wireType === 1) value = take(8).readBigUInt64LE();
    else if (wireType === 2) value = take(Number(varint()));
    else if (wireType === 5) value = BigInt(take(4).readUInt32LE());
    else throw new Error(`There is no wire type ${wireType}.`);
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}
