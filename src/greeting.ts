import { bindClosedWindows } from './order-items/cancellationWindows.ts';
import { type ClosedWindows, writeNotCancelableSql } from './order-items/eligibility.ts';
import type { Service } from './service.ts';

/**
 * Writes the greeting for developers: the doors, a token, and a command that cancels an item through each door.
 *
 * @param closedWindows what the cancellation windows have closed now.
 */
export async function writeGreeting(
  { url, dataSource, developmentIssuer, hasPages }: Service,
  closedWindows: ClosedWindows,
): Promise<string> {
  const doors = [
    '',
    ...(hasPages ? [`  Open      ${url}   (a playground and an API reference are one click away)`] : []),
    `  GraphQL   ${url}/graphql`,
    `  REST      ${url}/v0/line_item/{uuid}/cancel   (described at ${url}/v0/openapi.json)`,
    `  Health    ${url}/health/ready`,
    '',
  ];
  if (developmentIssuer === null) return lines(doors);

  const token = await developmentIssuer.issueToken();
  const parameters: string[] = [];
  const closed = bindClosedWindows(closedWindows, (value) => `$${parameters.push(value)}`);
  const items = await dataSource.query<{ id: string }[]>(
    `SELECT id FROM order_item WHERE NOT ${writeNotCancelableSql(closed, 'compared')} ORDER BY created_at DESC, id DESC LIMIT 2`,
    parameters,
  );
  const [first, second] = items;
  if (first === undefined || second === undefined) {
    return lines([
      ...doors,
      '  There are no cancelable items; `npm run import -- FILE` brings some in.',
      '',
      ...tokenLines(token),
    ]);
  }
  return lines([
    ...doors,
    ...tokenLines(token),
    '  Cancel an item through GraphQL:',
    '',
    `curl -sS ${url}/graphql -H 'authorization: Bearer ${token}' -H 'content-type: application/json' -d '${JSON.stringify(
      {
        query:
          'mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename ... on CancelOrderItemSuccess { orderItem { id status } cancellation { cancelledAt requestId } } ... on CancelOrderItemRefusal { message } } }',
        variables: { input: { id: first.id, reason: 'Changed my mind' } },
      },
    )}'`,
    '',
    '  Cancel another through REST:',
    '',
    `curl -sS -X POST ${url}/v0/line_item/${second.id}/cancel -H 'authorization: Bearer ${token}'`,
    '',
  ]);
}

function tokenLines(token: string): string[] {
  return ['  A token for today (`npm run -s token` prints another):', '', token, ''];
}

function lines(texts: readonly string[]): string {
  return `${texts.join('\n')}\n`;
}
