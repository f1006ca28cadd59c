import { Gauge, type Registry } from 'prom-client';

/** @param read asked whenever the metrics are. */
export function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/** @param read asked whenever the metrics are, for each value of the label. */
export function gauges(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  read: () => Iterable<readonly [string, number]>,
): void {
  new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      for (const [labelled, value] of read()) this.set({ [label]: labelled }, value);
    },
  });
}
