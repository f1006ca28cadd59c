import { GraphQLError, GraphQLScalarType } from 'graphql';
import { GraphQLDateTimeISO, GraphQLLocalDate } from 'graphql-scalars';

/** The scalars of the schema. They only go out: no argument takes one. */
export const scalars = {
  Date: renamed(GraphQLLocalDate, 'Date'),
  DateTime: renamed(GraphQLDateTimeISO, 'DateTime'),
  Decimal: new GraphQLScalarType({
    name: 'Decimal',
    serialize(value) {
      if (typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value)) return value;
      throw new GraphQLError('A decimal is a string of digits.');
    },
  }),
};

function renamed(scalar: GraphQLScalarType, name: string): GraphQLScalarType {
  return new GraphQLScalarType({ ...scalar.toConfig(), name });
}
