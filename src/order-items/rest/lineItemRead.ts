import type { FastifyInstance } from 'fastify';
import { requireScope } from '../../auth/caller.ts';
import { type AccessHooks, getCaller } from '../../http/access.ts';
import { Failure } from '../../http/failures.ts';
import type { CancellationWindows } from '../cancellationWindows.ts';
import { type ClosedWindows, countCancelableUnits, findBlockers } from '../eligibility.ts';
import { countCancelledUnits, type OrderItem, parseOrderItemId } from '../orderItem.ts';
import type { Reads } from '../reads.ts';
import { orderItemNotFound } from '../refusals.ts';

const READ_PATH = '/v0/line_item/:uuid';

export interface LineItemReadOptions {
  readonly reads: Pick<Reads, 'orderItems'>;
  readonly windows: CancellationWindows;
  readonly access: AccessHooks;
}

/** Serves the read beside the REST cancel. A form can offer what it says is cancelable. */
export function addLineItemRead(server: FastifyInstance, { reads, windows, access }: LineItemReadOptions): void {
  server.route<{ Params: { uuid: string } }>({
    method: 'GET',
    url: READ_PATH,
    onRequest: [
      ...access.admit,
      access.requireCaller,
      async (request) => {
        requireScope(getCaller(request), 'order-items:read');
      },
    ],
    handler: async (request) => {
      const id = parseOrderItemId(request.params.uuid);
      if (id === null) throw new Failure('bad_request', 'The order item id is not a valid UUID.');
      const customer = requireScope(getCaller(request), 'order-items:read');
      const item = (await reads.orderItems([id], customer)).get(id);
      if (item === undefined) throw new Failure('not_found', orderItemNotFound(id).message);
      return { ...describe(item, windows.closedAt(request.arrivedAt)), request_id: request.id };
    },
  });

  server.route({
    method: server.supportedMethods.filter((method) => method !== 'GET' && method !== 'HEAD'),
    url: READ_PATH,
    onRequest: async () => {
      throw new Failure('method_not_allowed', 'This path takes GET and HEAD only.', {
        headers: { allow: 'GET, HEAD' },
      });
    },
    handler: () => undefined,
  });
}

function describe(item: OrderItem, closed: ClosedWindows): object {
  const blockers = findBlockers(item, closed);
  return {
    id: item.id,
    order_id: item.orderId,
    status: item.status,
    quantity: item.quantity,
    cancelled_quantity: countCancelledUnits(item),
    cancelable: blockers.length === 0,
    cancelable_quantity: countCancelableUnits(item, closed),
    blockers,
  };
}
