import { GraphQLError, GraphQLScalarType } from 'graphql';
import { GraphQLDateTimeISO, GraphQLLocalDate } from 'graphql-scalars';
import { toIsoString } from '../instant.ts';

/** The scalars of the schema. Only times are arguments, too. */
export const scalars = {
  Date: rename(GraphQLLocalDate, 'Date'),
  DateTime: new GraphQLScalarType({
    ...GraphQLDateTimeISO.toConfig(),
    name: 'DateTime',
    serialize(value) {
      if (typeof value === 'string') return toIsoString(value);
      throw new GraphQLError('A time is a text of PostgreSQL.');
    },
  }),
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
