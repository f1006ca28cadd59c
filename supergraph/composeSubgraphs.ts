import { composeServices } from '@apollo/composition';
import { Kind, parse, print, visit } from 'graphql';

/** A subgraph as a composer sees it. */
export interface ComposedSubgraph {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
}

/** Asks a subgraph for its schema, as a platform's composer does. @param token of a caller, where it wants one. */
export async function fetchSdl(url: string, token: string): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ _service { sdl } }' }),
  });
  const { data } = (await response.json()) as { data: { _service: { sdl: string } } };
  return data._service.sdl;
}

/** Composes a supergraph. @throws with every error and hint of the composer: a hint is a mistake that still runs. */
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
 * A schema as a gateway can take it that does not know the access directives, and refuses a supergraph that has them.
 * The subgraph enforces them all the same.
 */
export function withoutAccessDirectives(sdl: string): string {
  return print(
    visit(parse(sdl), {
      Directive: ({ name }) => (ACCESS_DIRECTIVES.includes(name.value) ? null : undefined),
      DirectiveDefinition: ({ name }) => (ACCESS_DIRECTIVES.includes(name.value) ? null : undefined),
      // What the schema imports of the federation specification.
      ListValue: (list) => ({
        ...list,
        values: list.values.filter(
          (value) => value.kind !== Kind.STRING || !ACCESS_DIRECTIVES.includes(value.value.replace(/^@/, '')),
        ),
      }),
    }),
  );
}
