/** What a waiting element takes of a batch, and for whom. */
export interface Share {
  /** Flows get equal shares, for example one flow per caller. */
  readonly flow: string;
  /** The size of the element, at least 1. */
  readonly weight: number;
}

interface Waiting<T> extends Share {
  readonly value: T;
  /** The virtual time at which a server that works on all flows at once would finish the element. */
  readonly finish: number;
}

/**
 * A queue that shares batches equally between flows (weighted fair queueing, with equal weights of the flows). It takes the
 * element that a server working on all flows at once would finish first, so a small element of one flow does not wait for the
 * large ones of the others, and none starves. With one flow, it is first in, first out.
 *
 * @see https://en.wikipedia.org/wiki/Weighted_fair_queueing
 */
export class FairQueue<T> {
  /** Ordered by their virtual finish, then by arrival. */
  private readonly waiting: Waiting<T>[] = [];
  private readonly flows = new Map<string, { finish: number; count: number }>();
  /** The weight that each waiting flow would have got so far. */
  private virtualTime = 0;

  get length(): number {
    return this.waiting.length;
  }

  push(value: T, { flow, weight }: Share): void {
    const state = this.flows.get(flow);
    const finish = Math.max(this.virtualTime, state?.finish ?? 0) + weight;
    if (state === undefined) this.flows.set(flow, { finish, count: 1 });
    else Object.assign(state, { finish, count: state.count + 1 });
    this.waiting.splice(this.findPlace(finish), 0, { value, flow, weight, finish });
  }

  /**
   * Takes the next elements, at least one if there is one.
   *
   * @param maxLength how many elements.
   * @param maxWeight how much they weigh together, unless the first alone weighs more.
   */
  take(maxLength: number, maxWeight: number): T[] {
    let weight = 0;
    let length = 0;
    for (const element of this.waiting) {
      weight += element.weight;
      if (length === maxLength || (length > 0 && weight > maxWeight)) break;
      length += 1;
    }
    const taken = this.waiting.splice(0, length);
    for (const element of taken) {
      this.virtualTime += element.weight / this.flows.size;
      const state = this.flows.get(element.flow);
      if (state === undefined) continue;
      state.count -= 1;
      if (state.count === 0) this.flows.delete(element.flow);
    }
    if (this.waiting.length === 0) this.virtualTime = 0;
    return taken.map(({ value }) => value);
  }

  /** Most elements belong at the end, where the search begins. */
  private findPlace(finish: number): number {
    let [low, high] = [0, this.waiting.length];
    if ((this.waiting[high - 1]?.finish ?? 0) <= finish) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.waiting[middle]?.finish ?? 0) <= finish) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
