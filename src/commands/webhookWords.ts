import type { DisabledBecause, ListedDelivery, ListedEndpoint } from '../events/webhooks/endpoints.ts';

const REASONS: Readonly<Record<DisabledBecause, string>> = {
  operator: 'disabled by this command',
  gone: 'disabled, because the endpoint answered 410',
  behind: 'disabled, because it was further behind than events are kept',
};

/** Describes an endpoint in one line. */
export function describeEndpoint(endpoint: ListedEndpoint): string {
  const { id, url, disabledBecause, lag, deadLetters, types, freeTexts } = endpoint;
  const parts = [
    disabledBecause === null ? 'enabled' : REASONS[disabledBecause],
    `${lag} events not taken yet`,
    ...(deadLetters === 0 ? [] : [`${deadLetters} dead letters`]),
    ...(types === null ? [] : [`only ${types.join(' and ')}`]),
    ...(freeTexts.length === 0 ? [] : [`with ${freeTexts.join(' and ')}`]),
  ];
  return `${id}  ${url}  ${parts.join(', ')}\n`;
}

/** Describes a delivery in one line. */
export function describeDelivery(delivery: ListedDelivery): string {
  const { eventId, subject, attempts, lastStatus, lastError, lastDurationMs, replay } = delivery;
  const last = lastStatus ?? lastError;
  const parts = [
    describeState(delivery),
    `${attempts} attempts`,
    ...(last === null ? [] : [`the last: ${last} after ${lastDurationMs ?? 0} ms`]),
    ...(replay === 0 ? [] : [`replay ${replay}`]),
  ];
  return `${eventId}  of ${subject}  ${parts.join(', ')}\n`;
}

function describeState({ state, nextAttemptAt }: ListedDelivery): string {
  if (state !== 'waiting') return state;
  return nextAttemptAt === null ? 'waits for an earlier event of its item' : `next at ${nextAttemptAt.toISOString()}`;
}
