import { keepAccessible, set } from './accessible.ts';
import { element } from './elements.ts';
import { findExamples } from './examples.ts';
import { randomHex } from './random.ts';
import { tokenOfTab } from './token.ts';

/** As far as it is looked at here. */
interface Description {
  readonly components: { readonly parameters: Record<string, { readonly name: string; example?: unknown }> };
}

declare const Scalar: { createApiReference: (selector: string, options: object) => void };

const token = await tokenOfTab();
const [description, { cancelable }] = await Promise.all([describe(), findExamples(token)]);
// To be tried as it is, with an item that is there, and with a key and a trace that were not used before.
const examples: Record<string, string | undefined> = {
  uuid: cancelable[0]?.id,
  'Idempotency-Key': randomHex(16),
  traceparent: `00-${randomHex(16)}-${randomHex(8)}-01`,
};
for (const parameter of Object.values(description.components.parameters)) {
  parameter.example = examples[parameter.name] ?? parameter.example;
}

// https://scalar.com/products/api-references/configuration: nothing of it may ask elsewhere.
Scalar.createApiReference('#reference', {
  content: description,
  // The service that the page came from, wherever that is.
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

// What can be scrolled must be within reach of a keyboard.
keepAccessible(element('reference', HTMLElement), (root) => {
  for (const scrollable of root.querySelectorAll('.scalar-card-content.overflow-auto'))
    set(scrollable, 'tabindex', '0');
});

async function describe(): Promise<Description> {
  return (await (await fetch('/v0/openapi.json')).json()) as Description;
}
