/** The readers that wait for events, for the metrics. */
export interface EventReadersState {
  waiting: number;
  /** Called for each reader that is turned away. */
  readonly observeShed: () => void;
}

/** The places for readers that wait. They have a limit of their own, because they wait long and cost little. */
export interface EventReaders {
  /**
   * Takes a place.
   *
   * @returns a function that gives it back, once. Null if none is free.
   */
  readonly takePlace: () => (() => void) | null;
}

/** @param state is kept up to date. */
export function createEventReaders(limit: number, state: EventReadersState): EventReaders {
  return {
    takePlace: () => {
      if (state.waiting >= limit) {
        state.observeShed();
        return null;
      }
      state.waiting += 1;
      let isTaken = true;
      return () => {
        if (isTaken) state.waiting -= 1;
        isTaken = false;
      };
    },
  };
}
