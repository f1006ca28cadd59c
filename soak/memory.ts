import type { Instance } from './instance.ts';

export interface MemoryUse {
  readonly startMb: number;
  readonly mostMb: number;
  readonly endMb: number;
  /** The slope of the least-squares line through the second half. */
  readonly growthMbPerMinute: string;
}

const SAMPLE_MS = 1_000;

/** Watches the resident memory of an instance. The instance must keep running. */
export function watchMemory(instance: Instance): { readonly stop: () => MemoryUse } {
  const samples: { readonly minutes: number; readonly mb: number }[] = [];
  const begun = performance.now();
  const timer = setInterval(() => {
    void instance.residentBytes().then((bytes) => {
      if (bytes !== null) samples.push({ minutes: (performance.now() - begun) / 60_000, mb: bytes / 2 ** 20 });
    });
  }, SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      const values = samples.map(({ mb }) => mb);
      return {
        startMb: Math.round(values[0] ?? NaN),
        mostMb: Math.round(Math.max(...values)),
        endMb: Math.round(values.at(-1) ?? NaN),
        growthMbPerMinute: fitSlope(samples.slice(samples.length / 2)).toFixed(2),
      };
    },
  };
}

function fitSlope(samples: readonly { readonly minutes: number; readonly mb: number }[]): number {
  const mean = (read: (sample: (typeof samples)[number]) => number): number =>
    samples.reduce((sum, sample) => sum + read(sample), 0) / samples.length;
  const [x, y] = [mean(({ minutes }) => minutes), mean(({ mb }) => mb)];
  return mean(({ minutes, mb }) => (minutes - x) * (mb - y)) / mean(({ minutes }) => (minutes - x) * (minutes - x));
}
