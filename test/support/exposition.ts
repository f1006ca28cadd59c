import { waitFor } from './waitFor.ts';

/** A line of `/metrics`. */
export interface Sample {
  /** The name, with the suffixes of histograms. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric in `/metrics`. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

export interface Exposition {
  readonly families: readonly Family[];
  readonly samples: readonly Sample[];
}

/** Reads the metrics of a service. */
export async function readMetrics(url: string): Promise<Exposition> {
  const response = await fetch(`${url}/metrics`);
  if (!response.ok) throw new Error(`/metrics answers ${response.status}.`);
  const text = await response.text();
  const helps = new Map([...text.matchAll(/^# HELP (\w+) (.*)$/gm)].map(([, name = '', help = '']) => [name, help]));
  return {
    families: [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => ({
      name,
      type,
      help: helps.get(name) ?? '',
    })),
    samples: [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = '', labels = '', value]) => ({
      name,
      labels: Object.fromEntries(
        [...labels.matchAll(/(\w+)="((?:\\.|[^"\\])*)"/g)].map(([, label = '', text = '']) => [label, unescape(text)]),
      ),
      value: Number(value),
    })),
  };
}

/** Finds the value of a sample by its name and some of its labels. @returns undefined if there is none. */
export function findValue(
  { samples }: Exposition,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  return samples.find(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value;
}

/** Waits until a sample has a value. */
export async function untilMetric(
  url: string,
  name: string,
  labels: Readonly<Record<string, string>>,
  value: number,
): Promise<void> {
  await waitFor(
    `${name} ${JSON.stringify(labels)} to be ${value}`,
    async () => findValue(await readMetrics(url), name, labels) === value,
  );
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}
