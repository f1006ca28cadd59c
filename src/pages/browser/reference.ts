import { keepAccessible, set } from './accessible.ts';
import { element } from './elements.ts';
import { findExamples } from './examples.ts';
import { randomHex } from './random.ts';
import { readTabToken } from './token.ts';

/** The members of the OpenAPI description that this page uses. */
interface Description {
  readonly components: { readonly parameters: Record<string, { readonly name: string; example?: unknown }> };
}

declare const Scalar: { createApiReference: (selector: string, options: object) => void };

const token = await readTabToken();
const [description, { cancelable }] = await Promise.all([describe(), findExamples(token)]);
// The example request works as it is: an existing item, a fresh key and a fresh trace.
const examples: Record<string, string | undefined> = {
  uuid: cancelable[0]?.id,
  'Idempotency-Key': randomHex(16),
  traceparent: `00-${randomHex(16)}-${randomHex(8)}-01`,
};
for (const parameter of Object.values(description.components.parameters)) {
  parameter.example = examples[parameter.name] ?? parameter.example;
}

// Every option that contacts other machines is off: https://scalar.com/products/api-references/configuration
Scalar.createApiReference('#reference', {
  content: description,
  // The service that served the page.
  servers: [{ url: location.origin, description: 'This service' }],
  authentication: {
    preferredSecurityScheme: 'bearerToken',
    ...(token === null ? {} : { securitySchemes: { bearerToken: { token } } }),
  },
  persistAuth: false,
  telemetry: false,
  withDefaultFonts: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
});

// Scrollable elements must be reachable with a keyboard.
keepAccessible(element('reference', HTMLElement), (root) => {
  for (const scrollable of root.querySelectorAll('.scalar-card-content.overflow-auto'))
    set(scrollable, 'tabindex', '0');
});

async function describe(): Promise<Description> {
  return (await (await fetch('/v0/openapi.json')).json()) as Description;
}
