import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type ExportedSpan, readExport } from './otlpSpans.ts';

/** A collector of spans on loopback. {@link stopOtlpCollectors} stops it. */
export interface OtlpCollector {
  /** The value of `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  /** All received spans. */
  readonly spans: ExportedSpan[];
  /** The raw bodies of all requests. */
  readonly bodies: Buffer[];
  readonly requests: { readonly path: string | undefined; readonly headers: IncomingHttpHeaders }[];
}

const running = new Set<Server>();

/** Starts a collector. @param answers whether it answers requests. */
export async function startOtlpCollector({ answers = true } = {}): Promise<OtlpCollector> {
  const collector: OtlpCollector = { url: '', spans: [], bodies: [], requests: [] };
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      collector.requests.push({ path: request.url, headers: request.headers });
      collector.bodies.push(body);
      collector.spans.push(...readExport(body));
      if (answers) response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  running.add(server);
  return { ...collector, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

export function stopOtlpCollectors(): void {
  for (const server of running) {
    server.closeAllConnections();
    server.close();
  }
  running.clear();
}
