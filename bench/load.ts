import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadPackage } from './packages.ts';
import {
  type BenchRequest,
  cancelableId,
  randomRequest,
  WORKLOADS,
  type Workload,
  type WorkloadName,
} from './workloads.ts';

/*
 * The process that sends the requests: one message in is one job, one message out its result.
 * Without a rate, autocannon sends as fast as the answers come. With one, requests leave at random moments (Poisson),
 * whatever the answers do, and count from the moment at which they were due: autocannon's own `overallRate` sends each
 * second's share at once, and would show the latency of bursts.
 */

export interface Job {
  /** Where the contender serves the workload's door. */
  readonly url: string;
  readonly workload: WorkloadName;
  readonly connections: number;
  readonly seconds: number;
  readonly token: string;
  /** How many items there are to read. */
  readonly items: number;
  /** The items that may be used up, by number; where `repeat` is set, the one item that is asked for all the time. */
  readonly cancelable: { readonly from: number; readonly to: number; readonly repeat?: boolean };
  /** Requests a second; absent: as many as can be. */
  readonly rate?: number;
}

export interface JobResult {
  readonly requests: number;
  /** In which these were answered. */
  readonly seconds: number;
  /** The same with what was not measured before it. */
  readonly elapsed: number;
  /** In milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Answers that were not what was asked for, and connections that broke. */
  readonly failures: number;
  /** What one of them said. */
  readonly failure: string;
  /** The items whose cancel was acknowledged. */
  readonly acknowledged: string[];
  /** The cores that sending took. */
  readonly cores: number;
}

const { default: autocannon } = await loadPackage('autocannon');

/** Reads that are ready before the sending starts, for all connections together. */
const PREPARED = 6_400;

/** Connections open and pools fill in this time, in milliseconds; it is not measured. */
const LEAD_MS = 250;

interface Answers {
  readonly latencies: number[];
  readonly acknowledged: string[];
  failures: number;
  failure: string;
}

const prepared = new Map<string, readonly BenchRequest[]>();

/** Gives each request its own items. */
function requestsOf({ workload, items, cancelable }: Job): () => BenchRequest {
  const { cancels, size, request }: Workload = WORKLOADS[workload];
  if (!cancels) {
    const ready =
      prepared.get(`${workload} ${items}`) ??
      Array.from({ length: PREPARED }, () => randomRequest(WORKLOADS[workload], items));
    prepared.set(`${workload} ${items}`, ready);
    let last = Math.floor(Math.random() * PREPARED);
    return () => ready[(last += 1) % PREPARED] ?? randomRequest(WORKLOADS[workload], items);
  }
  if (cancelable.repeat === true) return () => request([cancelableId(cancelable.from)]);
  let next = cancelable.from;
  return () => {
    if (next + size > cancelable.to) throw new Error('The items to cancel ran out.');
    next += size;
    return request(Array.from({ length: size }, (_, i) => cancelableId(next - size + i)));
  };
}

function headersOf(job: Job): Record<string, string> {
  return { authorization: `Bearer ${job.token}`, 'content-type': 'application/json' };
}

/** Notes whether an answer is what was asked for, and what it says was cancelled. */
function judge(job: Job, answers: Answers, status: number, body: string): void {
  const { cancels, size }: Workload = WORKLOADS[job.workload];
  const ids = cancels ? [...body.matchAll(/"id":"([0-9a-f-]{36})"/g)].map(([, id = '']) => id) : [];
  answers.acknowledged.push(...ids);
  if (status !== 200 || body.includes('"errors":') || (cancels && ids.length !== size)) {
    answers.failures += 1;
    answers.failure = `${status} ${body.slice(0, 300)}`;
  }
}

/** As fast as the answers come. */
async function closedLoop(job: Job, next: () => BenchRequest, answers: Answers): Promise<number> {
  const headers = headersOf(job);
  const onResponse = (status: number, body: string): void => {
    judge(job, answers, status, body);
  };
  const requestOf = () => {
    const { path, body } = next();
    return { method: 'POST', path, body, headers: { ...headers }, onResponse };
  };
  const { cancels }: Workload = WORKLOADS[job.workload];
  const run = autocannon({
    url: job.url,
    connections: job.connections,
    duration: job.seconds + LEAD_MS / 1_000,
    sampleInt: 100,
    requests: [
      { ...requestOf(), ...(cancels ? { setupRequest: (request: object) => ({ ...request, ...requestOf() }) } : {}) },
    ],
    setupClient: (client: { setRequests: (requests: object[]) => void }) => {
      if (!cancels) client.setRequests(Array.from({ length: Math.ceil(PREPARED / job.connections) }, requestOf));
    },
  });
  const startedAt = performance.now() + LEAD_MS;
  run.on('response', (_client: unknown, _status: number, _bytes: number, latency: number) => {
    if (performance.now() >= startedAt) answers.latencies.push(latency);
  });
  const result = (await run) as { readonly errors: number; readonly timeouts: number };
  const broken = result.errors + result.timeouts;
  if (broken > 0) {
    answers.failures += broken;
    answers.failure ||= 'a connection broke, or an answer did not come in time';
  }
  return (performance.now() - startedAt) / 1_000;
}

/** At the rate that is asked for. */
async function openLoop(job: Job, rate: number, next: () => BenchRequest, answers: Answers): Promise<number> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: job.connections });
  const headers = headersOf(job);
  const under = new Set<Promise<void>>();
  const startedAt = performance.now() + LEAD_MS;
  const endAt = startedAt + job.seconds * 1_000;
  for (let dueAt = startedAt - LEAD_MS; dueAt < endAt; dueAt += (-Math.log(1 - Math.random()) / rate) * 1_000) {
    const early = dueAt - performance.now();
    // Timers are not finer than a millisecond; what was due meanwhile is sent together.
    if (early > 0) await sleep(early);
    const sent = send(job, next(), headers, agent).then(
      ({ status, body }) => {
        if (dueAt >= startedAt) answers.latencies.push(performance.now() - dueAt);
        judge(job, answers, status, body);
      },
      (error: unknown) => {
        answers.failures += 1;
        answers.failure = String(error);
      },
    );
    under.add(sent);
    void sent.then(() => under.delete(sent));
  }
  await Promise.all(under);
  agent.destroy();
  return (performance.now() - startedAt) / 1_000;
}

function send(
  { url }: Job,
  { path, body }: BenchRequest,
  headers: Record<string, string>,
  agent: http.Agent,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    http
      .request(url + path, { method: 'POST', agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: text });
        });
        response.on('error', reject);
      })
      .on('error', reject)
      .end(body);
  });
}

async function carryOut(job: Job): Promise<JobResult> {
  const answers: Answers = { latencies: [], acknowledged: [], failures: 0, failure: '' };
  const next = requestsOf(job);
  const before = process.cpuUsage();
  const beganAt = performance.now();
  const seconds = await (job.rate === undefined
    ? closedLoop(job, next, answers)
    : openLoop(job, job.rate, next, answers));
  const elapsed = (performance.now() - beganAt) / 1_000;
  const { user, system } = process.cpuUsage(before);
  const { acknowledged, failures, failure } = answers;
  const sorted = Float64Array.from(answers.latencies).sort();
  const quantile = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return {
    requests: sorted.length,
    seconds,
    p50: quantile(0.5),
    p99: quantile(0.99),
    max: quantile(1),
    failures,
    failure,
    acknowledged,
    elapsed,
    cores: (user + system) / 1e6 / elapsed,
  };
}

process.on('disconnect', () => process.exit());
process.on('message', ({ id, job }: { id: number; job: Job }) => {
  carryOut(job).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
