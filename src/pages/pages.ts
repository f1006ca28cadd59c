import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { DevelopmentIssuer } from '../auth/developmentIssuer.ts';
import { type BrowserFile, readBrowserFile } from './browserFiles.ts';
import { readLibraries } from './libraries.ts';

export interface PagesOptions {
  /** Null where tokens come from elsewhere: the pages ask for one. */
  readonly developmentIssuer: DevelopmentIssuer | null;
  /** Whether there is a page at `/`. */
  readonly hasStartPage: boolean;
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
const LIBRARIES = { 'style-src': "'self' 'unsafe-inline'", 'font-src': "'self' data:", 'worker-src': "'self'" };

/** Shared by the pages. */
const COMMON = ['page.css', 'icon.svg', 'accessible.ts', 'elements.ts', 'examples.ts', 'token.ts'];
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
  const files = new Map(await readLibraries());
  for (const name of [...COMMON, ...OF_PLAYGROUND, ...OF_REFERENCE, ...(options.hasStartPage ? OF_START_PAGE : [])]) {
    files.set(name, await readBrowserFile(name));
  }
  for (const [name, file] of files) addFile(server, `/pages/${name}`, file);

  const { developmentIssuer } = options;
  const reference = await readPage('reference.html', LIBRARIES, developmentIssuer);
  server.get('/docs', reference);
  if (options.hasStartPage) server.get('/', await readPage('start.html', {}, developmentIssuer));
  const playground = await readPage('playground.html', LIBRARIES, developmentIssuer);
  return (request, reply, done) => {
    if (!isSentByBrowser(request)) done();
    else playground(request, reply).catch(done);
  };
}

function addFile(server: FastifyInstance, url: string, { type, text }: BrowserFile): void {
  const etag = `"${createHash('sha256').update(text).digest('base64url')}"`;
  server.get(url, (request, reply) => {
    reply.headers({ etag, 'cache-control': 'no-cache' });
    return request.headers['if-none-match'] === etag ? reply.code(304).send() : reply.type(type).send(text);
  });
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
function isSentByBrowser({ method, url, headers }: FastifyRequest): boolean {
  return method === 'GET' && !url.includes('query=') && /^text\/html\b/.test(headers.accept ?? '');
}

/** The names by which a browser on this machine calls it. Another site can make its own name lead here. */
const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** Whether somebody is about to look at the page, and not a page of somebody else's to read the token out of it. */
function isVisit({ headers, hostname }: FastifyRequest): boolean {
  const { origin, 'sec-fetch-dest': destination = 'document' } = headers;
  return LOOPBACK_NAMES.includes(hostname) && origin === undefined && destination === 'document';
}
