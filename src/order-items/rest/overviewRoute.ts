import type { FastifyInstance } from 'fastify';
import type { DataSource } from 'typeorm';
import { requireScopeForAll } from '../../auth/caller.ts';
import { type AccessHooks, getCaller } from '../../http/access.ts';
import { ORDER_ITEM_STATUSES, type OrderItemStatus } from '../orderItem.ts';

const RECENT = 5;

export interface OverviewRouteOptions {
  readonly dataSource: DataSource;
  readonly access: AccessHooks;
}

/**
 * Serves the counts and the recent cancellations of the start page. They are in no published contract, because counting
 * reads every item, which suits only a developer's database.
 */
export function addOverviewRoute(server: FastifyInstance, { dataSource, access }: OverviewRouteOptions): void {
  server.get('/pages/overview', {
    onRequest: [
      ...access.admit,
      access.requireCaller,
      async (request) => {
        requireScopeForAll(getCaller(request), 'order-items:read');
      },
    ],
    handler: async () => {
      const counts = await dataSource.query<{ status: OrderItemStatus; count: number }[]>(
        'SELECT status, count(*)::int AS count FROM order_item GROUP BY status',
      );
      const recent = await dataSource.query<object[]>(
        `SELECT order_item_id AS "orderItemId", reason, cancelled_at AS "cancelledAt", channel
         FROM order_item_cancellation ORDER BY cancelled_at DESC, id DESC LIMIT ${RECENT}`,
      );
      const countByStatus = new Map(counts.map(({ status, count }) => [status, count]));
      return {
        statuses: ORDER_ITEM_STATUSES.map((status) => ({
          status: status.toUpperCase(),
          count: countByStatus.get(status) ?? 0,
        })),
        recent,
      };
    },
  });
}
