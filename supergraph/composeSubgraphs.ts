import { composeServices } from '@apollo/composition';
import { Kind, parse, print, visit } from 'graphql';

/** The input of a composition. */
export interface ComposedSubgraph {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
}

/**
 * Fetches the schema of a subgraph by the query that federation specifies (`_service`).
 *
 * @param token the bearer token of a caller.
 */
export async function fetchSdl(url: string, token: string): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ _service { sdl } }' }),
  });
  const { data } = (await response.json()) as { data: { _service: { sdl: string } } };
  return data._service.sdl;
}

/**
 * Composes a supergraph.
 *
 * @throws Error with every error and hint of the composer. A hint is a mistake that still runs.
 */
export function compose(subgraphs: readonly ComposedSubgraph[]): string {
  const {
    errors = [],
    hints = [],
    supergraphSdl,
  } = composeServices(subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })));
  const complaints = [...errors, ...hints].map(({ message }) => message);
  if (complaints.length > 0 || supergraphSdl === undefined) throw new Error(complaints.join('\n'));
  return supergraphSdl;
}

const ACCESS_DIRECTIVES: readonly string[] = ['authenticated', 'requiresScopes'];

/**
 * Removes the access directives, for gateways that refuse a supergraph with them. The subgraph still enforces them.
 */
export function removeAccessDirectives(sdl: string): string {
  return print(
    visit(parse(sdl), {
      Directive: ({ name }) => (ACCESS_DIRECTIVES.includes(name.value) ? null : undefined),
      DirectiveDefinition: ({ name }) => (ACCESS_DIRECTIVES.includes(name.value) ? null : undefined),
      // The imports of the `@link` directive.
      ListValue: (list) => ({
        ...list,
        values: list.values.filter(
          (value) => value.kind !== Kind.STRING || !ACCESS_DIRECTIVES.includes(value.value.replace(/^@/, '')),
        ),
      }),
    }),
  );
}
