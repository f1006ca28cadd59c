import type { ApolloServerPlugin, BaseContext } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import { maxAliasesRule } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth';
import { maxDirectivesRule } from '@escape.tech/graphql-armor-max-directives';
import {
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';
import { costOf, type ListLimits } from './operationCost.ts';

/** How much one GraphQL document may ask for. */
export interface DocumentLimits extends ListLimits {
  /** Lexical tokens of the document, fragments included. */
  readonly documentTokens: number;
  /** Levels of fields in an operation. */
  readonly depth: number;
  readonly aliases: number;
  readonly rootFields: number;
  readonly directives: number;
  /** Values that an operation can make the service resolve. */
  readonly cost: number;
}

/** A document or an operation asks for more than one request may. The message is for the client, schema or no schema. */
export class LimitExceeded extends GraphQLError {
  constructor(message: string) {
    super(message, { extensions: { code: ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED, http: { status: 400 } } });
    this.name = 'LimitExceeded';
  }
}

/** The rules that hold a document to the limits, whatever its variables. The parser counts the tokens. */
export function documentLimits(limits: DocumentLimits): ValidationRule[] {
  const report = {
    // Thrown, it would pass for a fault of the validation.
    propagateOnRejection: false,
    onReject: [
      (context: ValidationContext | null, error: GraphQLError) => {
        context?.reportError(new LimitExceeded(error.message.replace(/^Syntax Error: /, '')));
      },
    ],
  };
  return [
    maxDepthRule({ ...report, n: limits.depth, flattenFragments: true }),
    maxAliasesRule({ ...report, n: limits.aliases, allowList: [] }),
    maxDirectivesRule({ ...report, n: limits.directives }),
    maxRootFieldsRule(limits.rootFields),
  ];
}

function maxRootFieldsRule(most: number): ValidationRule {
  return (context) => ({
    OperationDefinition: ({ selectionSet }) => {
      const count = countFields(selectionSet, (name) => context.getFragment(name));
      if (count > most) {
        context.reportError(new LimitExceeded(`Root fields limit of ${most} exceeded, found ${count}.`));
      }
    },
  });
}

/** The fields of a selection itself, those of its fragments included. Each fragment is looked at once. */
function countFields(
  selectionSet: SelectionSetNode,
  fragmentOf: (name: string) => FragmentDefinitionNode | null | undefined,
  ofFragments = new Map<string, number>(),
): number {
  let count = 0;
  for (const selection of selectionSet.selections) {
    if (selection.kind === Kind.FIELD) {
      count += 1;
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      count += countFields(selection.selectionSet, fragmentOf, ofFragments);
    } else {
      const name = selection.name.value;
      const fragment = fragmentOf(name);
      if (!ofFragments.has(name) && fragment != null) {
        // For a fragment that comes back to itself, which validation refuses.
        ofFragments.set(name, 0);
        ofFragments.set(name, countFields(fragment.selectionSet, fragmentOf, ofFragments));
      }
      count += ofFragments.get(name) ?? 0;
    }
  }
  return count;
}

/** Turns away an operation that could cost more than it may, before anything of it is resolved. */
export function limitCost<TContext extends BaseContext>(limits: DocumentLimits): ApolloServerPlugin<TContext> {
  /** With every variable at its most expensive: what stays below the limit then needs no look at its variables. */
  const mostOf = new WeakMap<OperationDefinitionNode, number>();
  return {
    requestDidStart: async () => ({
      didResolveOperation: async ({ schema, document, operation, request }) => {
        // No operation has the name that was asked for; the execution says so.
        if (operation === undefined) return;
        let most = mostOf.get(operation);
        if (most === undefined) {
          most = costOf({ schema, document, operation, limits, variables: null });
          mostOf.set(operation, most);
        }
        if (most <= limits.cost) return;
        const cost = costOf({ schema, document, operation, limits, variables: request.variables ?? {} });
        if (cost > limits.cost) {
          throw new LimitExceeded(`Cost limit of ${limits.cost} exceeded, the operation can cost ${cost}.`);
        }
      },
    }),
  };
}
