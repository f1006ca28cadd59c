/** Items that are there, for examples that can be carried out as they are. */
export interface Examples {
  /** Items that can be cancelled, up to three. */
  readonly cancelable: readonly Item[];
  /** One that can't; null where there is none. */
  readonly refused: Item | null;
}

interface Item {
  readonly id: string;
}

interface Connection {
  readonly edges: readonly { readonly node: Item }[];
}

const QUERY = `query ExamplesForThePages {
  cancelable: orderItems(filter: { cancelable: true }, first: 3) { edges { node { id } } }
  refused: orderItems(filter: { cancelable: false }, first: 1) { edges { node { id } } }
}`;

const NONE: Examples = { cancelable: [], refused: null };

/** @returns none where the token, the lack of one or the service allows no look at them: a page can do without. */
export async function findExamples(token: string | null): Promise<Examples> {
  return token === null ? NONE : ask(token).catch(() => NONE);
}

async function ask(token: string): Promise<Examples> {
  const answer = await fetch('/graphql', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: QUERY }),
  });
  const { data } = (await answer.json()) as { data?: Record<'cancelable' | 'refused', Connection | null> | null };
  const itemsOf = (connection?: Connection | null): Item[] => connection?.edges.map(({ node }) => node) ?? [];
  return { cancelable: itemsOf(data?.cancelable), refused: itemsOf(data?.refused)[0] ?? null };
}
