import { Gauge, type Registry } from 'prom-client';

/**
 * Registers a gauge.
 *
 * @param read returns its value. It is called for each scrape.
 */
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

/**
 * Registers a gauge with one label.
 *
 * @param read returns the label's values, each with the gauge's value. It is called for each scrape.
 */
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
