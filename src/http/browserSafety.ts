import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';

export interface BrowserSafetyOptions {
  /** Of the pages that may call the service from a browser, such as `https://shop.example`. */
  readonly corsOrigins: readonly string[];
}

/** How long a browser may remember what it was allowed, in seconds. */
const PREFLIGHT_MAX_AGE_S = 600;

/** What tells browsers what they must not do with an answer, whatever the answer is. */
export const SAFETY_HEADERS: Readonly<Record<string, string>> = headersOf(
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        // An answer is data: it loads nothing, is framed by nothing and leads nowhere.
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // Whether its neighbours speak TLS, too, is for whoever terminates it to say.
    strictTransportSecurity: { includeSubDomains: false },
  }),
);

/** They are the same for every answer, so helmet is asked once. */
function headersOf(apply: ReturnType<typeof helmet>): Record<string, string> {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  apply(request, response, (error) => {
    if (error !== undefined) throw error as Error;
  });
  return Object.fromEntries(Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]));
}

/** Lets pages of the configured origins call the service. */
export async function allowOrigins(server: FastifyInstance, { corsOrigins }: BrowserSafetyOptions): Promise<void> {
  if (corsOrigins.length === 0) return;
  await server.register(cors, {
    delegator: (request, respond) => {
      respond(null, {
        origin: [...corsOrigins],
        methods: ['GET', 'POST'],
        exposedHeaders: ['x-request-id', 'retry-after', 'www-authenticate', 'allow'],
        maxAge: PREFLIGHT_MAX_AGE_S,
        // Any other OPTIONS is a request like each other one.
        preflight: request.headers['access-control-request-method'] !== undefined,
        strictPreflight: false,
      });
    },
  });
}
