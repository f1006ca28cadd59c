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
  /** Null where tokens come from elsewhere: the pages ask for one. */
  readonly developmentIssuer: DevelopmentIssuer | null;
  /** Whether there is a page at `/`. */
  readonly hasStartPage: boolean;
  /** Counts a request, so that nobody can ask for ever. */
  readonly onRequest: onRequestAsyncHookHandler[];
}

/** What a page may do: load what is here, and ask here. */
const OWN_ONLY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/** The editor and the reference write styles into the page; scripts they don't. */
const WITH_LIBRARIES = { 'style-src': "'self' 'unsafe-inline'", 'font-src': "'self' data:", 'worker-src': "'self'" };

/** Shared by the pages. */
const COMMON = ['page.css', 'icon.svg', 'accessible.ts', 'elements.ts', 'examples.ts', 'random.ts', 'token.ts'];
const OF_START_PAGE = ['start.css', 'start.ts', 'cancelDialog.ts', 'orderItems.ts'];
const OF_PLAYGROUND = ['playground.css', 'playground.ts', 'tasks.ts'];
const OF_REFERENCE = ['reference.css', 'reference.ts'];

/**
 * Serves the pages for people: the API reference at `/docs`, what they are made of below `/pages/`, and at `/` the start
 * page.
 *
 * @returns the playground, which shares its path with the GraphQL door: a hook that answers a browser that is sent there.
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

/** Serves a file, which is read when it is first asked for. */
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

/** As bytes, which all answers share: clients that read slowly would otherwise hold a copy each. */
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

/** @param permissions what this page may do beside {@link OWN_ONLY}. */
async function readPage(
  name: string,
  permissions: Readonly<Record<string, string>>,
  issuer: DevelopmentIssuer | null,
): Promise<Page> {
  const { type, text } = await readBrowserFile(name);
  const policy = Object.entries({ ...OWN_ONLY, ...permissions })
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join('; ');
  return async (request, reply) => {
    const token = issuer !== null && isVisit(request) ? await issuer.issueToken() : '';
    reply.header('content-security-policy', policy).type(type);
    return reply.send(text.replace('{{developmentToken}}', token));
  };
}

/** A GET that asks for a page and not for the answer to an operation. */
function isSentByBrowser({ method, query, headers }: FastifyRequest): boolean {
  return method === 'GET' && !Object.hasOwn(query as object, 'query') && /^text\/html\b/.test(headers.accept ?? '');
}

/** How a browser on this machine calls it. Another site can make its own name lead here. */
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** What a proxy adds: whoever came through one may be anywhere. */
const OF_PROXIES = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];

/** Whether somebody is about to look at the page, and not a page of somebody else's to read the token out of it. */
function isVisit({ headers }: FastifyRequest): boolean {
  const { host = '', origin, 'sec-fetch-dest': destination } = headers;
  const isDirect = OF_PROXIES.every((name) => headers[name] === undefined);
  return LOOPBACK.test(host) && origin === undefined && destination === 'document' && isDirect;
}
