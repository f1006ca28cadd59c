import type { TestService } from './testService.ts';

const CANCEL = `mutation($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) {
    __typename
    ... on CancelOrderItemRefusal { message }
    ... on QuantityNotCancelable { requested remaining orderItem { cancelableQuantity } }
    ... on CancelOrderItemSuccess {
      orderItem { status quantity cancelledQuantity cancelableQuantity cancellation { quantity } cancellations { quantity reasonCode } }
      cancellation { id quantity reasonCode }
    }
  }
}`;

/** The answer to a cancel, of which tests read some members. */
interface Answer {
  readonly __typename: string;
  readonly cancellation?: { readonly quantity: number };
}

/** Cancels units of an item through GraphQL, or all that are left. */
export async function cancelUnits(service: TestService, id: string, input: object = {}): Promise<Answer> {
  const { data, errors } = await service.graphql(CANCEL, { input: { id, reason: 'Fewer', ...input } });
  expect(errors).toEqual([]);
  return data.cancelOrderItem as Answer;
}
