import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: 'schema/*.graphql',
  generates: {
    'src/order-items/graphql/resolverTypes.generated.ts': {
      plugins: ['typescript', 'typescript-resolvers'],
      config: {
        federation: true,
        enumsAsTypes: true,
        useTypeImports: true,
        strictScalars: true,
        immutableTypes: true,
        avoidOptionals: { field: true },
        scalars: {
          ID: 'string',
          Date: 'string',
          DateTime: { input: 'Date', output: 'string' },
          Decimal: 'string',
          _FieldSet: 'string',
        },
        inputMaybeValue: 'T | null | undefined',
        contextType: './context.ts#GraphQLContext',
        mappers: {
          OrderItem: '../orderItem.ts#OrderItem as OrderItemModel',
          Cancellation: '../orderItem.ts#Cancellation as CancellationModel',
          OrderItemConnection: '../listOrderItems.ts#OrderItemPage',
          OrderItemEdge: '../orderItem.ts#OrderItem as OrderItemModel',
          CancelOrderItemSuccess: '../judgeCancels.ts#Cancelled',
          OrderItemNotFound: '../refusals.ts#OrderItemNotFound as OrderItemNotFoundModel',
          OrderItemNotCancelable: '../refusals.ts#OrderItemNotCancelable as OrderItemNotCancelableModel',
          QuantityNotCancelable: '../refusals.ts#QuantityNotCancelable as QuantityNotCancelableModel',
          OrderNotCancelableAsWhole: '../refusals.ts#OrderNotCancelableAsWhole as OrderNotCancelableAsWholeModel',
          OrderCancelability: '../orderCancelability.ts#OrderCancelability as OrderCancelabilityModel',
          CancellationConnection: '../listCancellations.ts#CancellationPage',
          CancellationEdge: '../orderItem.ts#Cancellation as CancellationModel',
          CancellationReason: '../reasonCodes.ts#ReasonCode',
          InvalidCancelRequest: '../refusals.ts#InvalidCancelRequest as InvalidCancelRequestModel',
          IdempotencyKeyReused: '../refusals.ts#IdempotencyKeyReused as IdempotencyKeyReusedModel',
        },
        enumValues: {
          OrderItemStatus: {
            PENDING: 'pending',
            ON_HOLD: 'on_hold',
            IN_FULFILLMENT: 'in_fulfillment',
            COMPLETE: 'complete',
            CANCELLED: 'cancelled',
            RETURNED: 'returned',
          },
          CancellationChannel: { GRAPHQL: 'graphql', REST: 'rest' },
        },
      },
    },
  },
};

export default config;
