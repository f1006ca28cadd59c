/** Existing items, so that examples work as they are. */
export interface Examples {
  /** Up to five cancelable items. */
  readonly cancelable: readonly Item[];
  /** An item that cannot be cancelled, or null. */
  readonly refused: Item | null;
}

interface Item {
  readonly id: string;
  readonly cancelableQuantity: number;
  readonly order: { readonly id: string };
}

interface Connection {
  readonly edges: readonly { readonly node: Item }[];
}

const QUERY = `query ExamplesForThePages {
  cancelable: orderItems(filter: { cancelable: true }, first: 5) { edges { node { id cancelableQuantity order { id } } } }
  refused: orderItems(filter: { cancelable: false }, first: 1) { edges { node { id cancelableQuantity order { id } } } }
}`;

const NONE: Examples = { cancelable: [], refused: null };

/** Finds items for examples. @returns none if the token or the service does not allow reading them. */
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
  const listItems = (connection?: Connection | null): Item[] => connection?.edges.map(({ node }) => node) ?? [];
  return { cancelable: listItems(data?.cancelable), refused: listItems(data?.refused)[0] ?? null };
}
