import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type ExportedSpan, readExport } from './otlpSpans.ts';

/** What takes the spans of services, on loopback. {@link stopOtlpCollectors} stops it. */
export interface OtlpCollector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  /** All that have come so far. */
  readonly spans: ExportedSpan[];
  /** The bodies of all requests, as they came. */
  readonly bodies: Buffer[];
  readonly requests: { readonly path: string | undefined; readonly headers: IncomingHttpHeaders }[];
}

const running = new Set<Server>();

/** @param answers whether it does; or it takes requests and says nothing. */
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
