import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';

export interface BrowserSafetyOptions {
  /** The origins of pages that can call the service from a browser, such as `https://shop.example`. */
  readonly corsOrigins: readonly string[];
}

/** How long a browser caches the answer to a CORS preflight. */
const PREFLIGHT_MAX_AGE_S = 600;

/** The security headers of every answer. */
export const SAFETY_HEADERS: Readonly<Record<string, string>> = collectHeaders(
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        // An answer is data. It loads nothing, sits in no frame (clickjacking) and leads nowhere.
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // Only the operator who terminates TLS knows whether the subdomains use it, too.
    strictTransportSecurity: { includeSubDomains: false },
  }),
);

/** Runs helmet once, because its headers are the same for every answer. */
function collectHeaders(apply: ReturnType<typeof helmet>): Record<string, string> {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  apply(request, response, (error) => {
    if (error !== undefined) throw error as Error;
  });
  return Object.fromEntries(Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]));
}

/** Allows pages of the configured origins to call the service (CORS). */
export async function allowOrigins(server: FastifyInstance, { corsOrigins }: BrowserSafetyOptions): Promise<void> {
  if (corsOrigins.length === 0) return;
  await server.register(cors, {
    delegator: (request, respond) => {
      respond(null, {
        origin: [...corsOrigins],
        methods: ['GET', 'POST'],
        exposedHeaders: ['x-request-id', 'retry-after', 'www-authenticate', 'allow'],
        maxAge: PREFLIGHT_MAX_AGE_S,
        // An OPTIONS request without this header is not a preflight.
        preflight: request.headers['access-control-request-method'] !== undefined,
        strictPreflight: false,
      });
    },
  });
}
