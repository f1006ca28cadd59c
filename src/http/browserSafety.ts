import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

export interface BrowserSafetyOptions {
  /** Of the pages that may call the service from a browser, such as `https://shop.example`. */
  readonly corsOrigins: readonly string[];
}

/** How long a browser may remember what it was allowed, in seconds. */
const PREFLIGHT_MAX_AGE_S = 600;

/** Tells browsers what they must not do with an answer. Who calls the service itself does not notice. */
export async function addBrowserSafety(server: FastifyInstance, { corsOrigins }: BrowserSafetyOptions): Promise<void> {
  await server.register(helmet, {
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
  });
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
      });
    },
  });
}
