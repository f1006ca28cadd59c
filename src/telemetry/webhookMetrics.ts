import { Counter, type Registry } from 'prom-client';
import { gauge, gauges } from './gauges.ts';

const OUTCOMES = ['taken', 'failed', 'dead'] as const;

/** The end of an attempt, or of a delivery: `dead` is a delivery that was given up. */
export type WebhookOutcome = (typeof OUTCOMES)[number];

/** Why an endpoint gets no events, or `enabled` if it gets them. */
const STATES = ['enabled', 'operator', 'gone', 'behind'] as const;

/** What the endpoints of webhooks do not have yet. */
export interface WebhookBacklog {
  /** Events that an enabled endpoint has not taken, of all endpoints together. */
  readonly events: number;
  /** The age of the oldest of them, in seconds. */
  readonly seconds: number;
  readonly deadLetters: number;
  /** The number of endpoints in each state. */
  readonly endpoints: Readonly<Partial<Record<(typeof STATES)[number], number>>>;
}

/** The metrics of webhooks. */
export interface WebhookMetrics {
  readonly observeWebhooks: (outcome: WebhookOutcome, count: number) => void;
  /** @param read is called for each scrape. */
  readonly watchWebhooks: (read: () => WebhookBacklog) => void;
}

export function createWebhookMetrics(registry: Registry): WebhookMetrics {
  const deliveries = new Counter({
    name: 'order_items_webhook_deliveries_total',
    help: 'Attempts of webhooks by outcome, taken or failed, and deliveries that were given up, dead.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of OUTCOMES) deliveries.inc({ outcome }, 0);
  return {
    observeWebhooks: (outcome, count) => {
      deliveries.inc({ outcome }, count);
    },
    watchWebhooks: (read) => {
      const events = 'Events that enabled webhooks have not taken yet, each counted up to 10,000.';
      gauge(registry, 'order_items_webhook_lag_events', events, () => read().events);
      const seconds = 'Age of the oldest event that an enabled webhook has not taken yet.';
      gauge(registry, 'order_items_webhook_lag_seconds', seconds, () => read().seconds);
      const dead = 'Events that were given up for a webhook, as long as they are kept.';
      gauge(registry, 'order_items_webhook_dead_letters', dead, () => read().deadLetters);
      const endpoints = 'Endpoints of webhooks, by enabled or why they are disabled.';
      gauges(registry, 'order_items_webhook_endpoints', endpoints, 'state', () =>
        STATES.map((state) => [state, read().endpoints[state] ?? 0] as const),
      );
    },
  };
}
