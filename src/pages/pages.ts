import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestAsyncHookHandler,
  onRequestHookHandler,
} from 'fastify';
import type { DevelopmentIssuer } from '../auth/developmentIssuer.ts';
import { type BrowserFile, readBrowserFile } from './browserFiles.ts';
import { LIBRARIES } from './libraries.ts';

export interface PagesOptions {
  /** Null if tokens come from an external issuer. The pages then ask for one. */
  readonly developmentIssuer: DevelopmentIssuer | null;
  /** Whether the start page is served at `/`. */
  readonly hasStartPage: boolean;
  /** Hooks that count requests for the rate limit. */
  readonly onRequest: onRequestAsyncHookHandler[];
}

/** The content security policy of every page. A page can load files and send requests only here. */
const BASE_POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/** Additions for the editor and the reference. They write inline styles, but no inline scripts. */
const WITH_LIBRARIES = { 'style-src': "'self' 'unsafe-inline'", 'font-src': "'self' data:", 'worker-src': "'self'" };

/** The files that all pages share. */
const COMMON = ['page.css', 'icon.svg', 'accessible.ts', 'elements.ts', 'examples.ts', 'random.ts', 'token.ts'];
const OF_START_PAGE = ['start.css', 'start.ts', 'cancelDialog.ts', 'cancellations.ts', 'orderItems.ts'];
const OF_PLAYGROUND = ['playground.css', 'playground.ts', 'tasks.ts'];
const OF_REFERENCE = ['reference.css', 'reference.ts'];

/**
 * Serves the pages for people: the start page at `/`, the API reference at `/docs`, and their files below `/pages/`.
 *
 * @returns a hook for the GraphQL route. It answers browsers with the playground, which shares the path.
 */
export async function addPages(server: FastifyInstance, options: PagesOptions): Promise<onRequestHookHandler> {
  const { developmentIssuer, onRequest } = options;
  for (const name of [...COMMON, ...OF_PLAYGROUND, ...OF_REFERENCE, ...(options.hasStartPage ? OF_START_PAGE : [])]) {
    addFile(server, name, () => readBrowserFile(name), onRequest);
  }
  for (const [name, read] of Object.entries(LIBRARIES)) addFile(server, name, read, onRequest);

  const reference = await readPage('reference.html', WITH_LIBRARIES, developmentIssuer);
  server.get('/docs', { onRequest }, reference);
  if (options.hasStartPage) server.get('/', { onRequest }, await readPage('start.html', {}, developmentIssuer));
  const playground = await readPage('playground.html', WITH_LIBRARIES, developmentIssuer);
  return (request, reply, done) => {
    if (!isSentByBrowser(request)) done();
    else playground(request, reply).catch(done);
  };
}

/** Serves a file and reads it on first use. */
function addFile(
  server: FastifyInstance,
  name: string,
  read: () => Promise<BrowserFile>,
  onRequest: onRequestAsyncHookHandler[],
): void {
  let prepared: Promise<PreparedFile> | null = null;
  server.get(`/pages/${name}`, { onRequest }, async (request, reply) => {
    prepared ??= prepare(read).catch((error: unknown) => {
      prepared = null;
      throw error;
    });
    const { type, plain, compressed, hash } = await prepared;
    const isCompressed = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    const etag = `"${hash}${isCompressed ? '-gzip' : ''}"`;
    reply.headers({ etag, 'cache-control': 'no-cache', vary: 'accept-encoding' });
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    if (isCompressed) reply.header('content-encoding', 'gzip');
    return reply.type(type).send(isCompressed ? compressed : plain);
  });
}

/** A file as bytes that all answers share. Otherwise each slow client would hold a copy. */
interface PreparedFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly compressed: Buffer;
  readonly hash: string;
}

async function prepare(read: () => Promise<BrowserFile>): Promise<PreparedFile> {
  const { type, text } = await read();
  const plain = Buffer.from(text);
  const hash = createHash('sha256').update(plain).digest('base64url');
  return { type, plain, compressed: await promisify(gzip)(plain), hash };
}

type Page = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** Reads a page. @param permissions extend the {@link BASE_POLICY}. */
async function readPage(
  name: string,
  permissions: Readonly<Record<string, string>>,
  issuer: DevelopmentIssuer | null,
): Promise<Page> {
  const { type, text } = await readBrowserFile(name);
  const policy = Object.entries({ ...BASE_POLICY, ...permissions })
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join('; ');
  return async (request, reply) => {
    const token = issuer !== null && isVisit(request) ? await issuer.issueToken() : '';
    reply.header('content-security-policy', policy).type(type);
    return reply.send(text.replace('{{developmentToken}}', token));
  };
}

/** Whether a browser requests a page, instead of the answer to an operation. */
function isSentByBrowser({ method, query, headers }: FastifyRequest): boolean {
  return method === 'GET' && !Object.hasOwn(query as object, 'query') && /^text\/html\b/.test(headers.accept ?? '');
}

/** The names by which a browser on this machine opens the pages. Other names can be a DNS rebinding attack. */
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** The headers that proxies add. A caller behind a proxy can be on any machine. */
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];

/** Whether a person opens the page, instead of a foreign page that wants to read the token in it. */
function isVisit({ headers }: FastifyRequest): boolean {
  const { host = '', origin, 'sec-fetch-dest': destination } = headers;
  const isDirect = PROXY_HEADERS.every((name) => headers[name] === undefined);
  return LOOPBACK.test(host) && origin === undefined && destination === 'document' && isDirect;
}
