import { GraphQLError, GraphQLScalarType } from 'graphql';
import { GraphQLDateTimeISO, GraphQLLocalDate } from 'graphql-scalars';

/** The scalars of the schema. They have no parser, because no argument uses them. */
export const scalars = {
  Date: rename(GraphQLLocalDate, 'Date'),
  DateTime: rename(GraphQLDateTimeISO, 'DateTime'),
  Decimal: new GraphQLScalarType({
    name: 'Decimal',
    serialize(value) {
      if (typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value)) return value;
      throw new GraphQLError('A decimal is a string of digits.');
    },
  }),
};

function rename(scalar: GraphQLScalarType, name: string): GraphQLScalarType {
  return new GraphQLScalarType({ ...scalar.toConfig(), name });
}
