import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Dataset } from './dataset.ts';
import type { Contender } from './processes.ts';
import {
  type BenchRequest,
  cancelableId,
  COMPARED,
  type ComparedName,
  itemId,
  orderId,
  type Workload,
} from './workloads.ts';

/**
 * Checks before the measurements that all contenders answer the same requests alike.
 *
 * @throws Error if two contenders answer differently or write different rows for a cancel.
 */
export async function checkSameAnswers(
  contenders: readonly Contender[],
  dataset: Dataset,
  { token, workloads }: { readonly token: string; readonly workloads: readonly ComparedName[] },
): Promise<void> {
  for (const workload of workloads) {
    let first: { name: string; seen: unknown } | null = null;
    for (const contender of contenders) {
      const seen = await observe(contender, dataset, COMPARED[workload], token);
      first ??= { name: contender.name, seen };
      if (!isDeepStrictEqual(seen, first.seen)) {
        throw new Error(
          `${workload}: ${contender.name} answers differently from ${first.name}:\n${JSON.stringify(seen)}\n${JSON.stringify(first.seen)}`,
        );
      }
    }
  }
}

async function observe(contender: Contender, dataset: Dataset, workload: Workload, token: string): Promise<unknown> {
  const ask = (ids: readonly string[]): Promise<unknown> => askFor(contender, workload.request(ids), token);
  if (!workload.cancels) {
    // Two different requests expose a contender that always gives the same answer.
    const idsFrom = (from: number): string[] => Array.from({ length: workload.size }, (_, n) => itemId(from + n));
    return workload.size === 0
      ? [await ask([orderId(0)]), await ask([orderId(1)])]
      : [await ask(idsFrom(0)), await ask(idsFrom(workload.size))];
  }
  await dataset.reset();
  const id = cancelableId(0);
  // A success, the refusal of a repeat, the refusal of an item that is not pre-ordered, and an unknown item.
  const answers = [await ask([id]), await ask([id]), await ask([itemId(1)]), await ask([cancelableId(-1)])];
  const { rows } = await dataset.client.query(
    `SELECT status, version, cancelled_quantity FROM order_item WHERE id = ANY($1::uuid[]) ORDER BY id`,
    [[id, itemId(1)]],
  );
  await dataset.check([id]);
  return { answers, rows };
}

async function askFor({ urls }: Contender, { door, path, body }: BenchRequest, token: string): Promise<unknown> {
  const response = await fetch(urls[door] + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body,
  });
  const answer = JSON.parse(await response.text(), normalize) as { data?: unknown; errors?: unknown };
  assert.equal(answer.errors, undefined, `${body} was answered ${JSON.stringify(answer)}`);
  return { status: response.status, answer: door === 'graphql' ? answer.data : answer };
}

/** Replaces values that differ in every answer by a check of their format. */
function normalize(name: string, value: unknown): unknown {
  if (name === 'request_id') return undefined;
  if (name === 'requestId') return /^[0-9a-f]{32}$/.test(String(value));
  if (name === 'cancelledAt' || name === 'cancelled_at') {
    return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(String(value));
  }
  return value;
}
