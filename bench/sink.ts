import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/* A collector that discards spans, so the benchmark measures only their sending. It reports its URL when it is ready. */

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
}).listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
