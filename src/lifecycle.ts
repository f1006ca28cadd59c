/** The phases of a service, in their order. */
type State =
  | { readonly phase: 'starting' }
  | { readonly phase: 'serving'; readonly resources: AsyncDisposableStack }
  | { readonly phase: 'draining' | 'stopped'; readonly released: Promise<void> };

/** The life cycle of a service, from its start to the release of its resources. */
export interface Lifecycle {
  /** True once a stop has begun. New requests are then turned away. */
  readonly isDraining: () => boolean;
  /** Ends the start. The life cycle owns the resources from here on. */
  readonly serve: (resources: AsyncDisposableStack) => void;
  /**
   * Releases the resources in reverse order of their registration. A repeated call waits for the same release.
   *
   * @throws Error during the start, which must release its resources itself, and any error of a release.
   */
  readonly stop: () => Promise<void>;
}

export function createLifecycle(): Lifecycle {
  let state: State = { phase: 'starting' };
  const release = async (resources: AsyncDisposableStack): Promise<void> => {
    // The phase must be `draining` before the first resource is released.
    await Promise.resolve();
    try {
      await resources.disposeAsync();
    } finally {
      if (state.phase === 'draining') state = { phase: 'stopped', released: state.released };
    }
  };
  return {
    isDraining: () => state.phase === 'draining' || state.phase === 'stopped',
    serve: (resources) => {
      state = { phase: 'serving', resources };
    },
    stop: async () => {
      switch (state.phase) {
        case 'starting':
          throw new Error('A service that is starting cannot be stopped. Abort its start.');
        case 'serving':
          state = { phase: 'draining', released: release(state.resources) };
          return state.released;
        case 'draining':
        case 'stopped':
          return state.released;
      }
    },
  };
}
