import type { BaseContext } from '@apollo/server';
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
import { measureCost, type ListLimits } from './operationCost.ts';
import type { OperationHooks } from './operationHooks.ts';

/** The bounds of a GraphQL document. */
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

/** A document or an operation exceeds a limit. The client sees the message, even if the schema is hidden. */
export class LimitExceeded extends GraphQLError {
  constructor(message: string) {
    super(message, { extensions: { code: ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED, http: { status: 400 } } });
    this.name = 'LimitExceeded';
  }
}

/** Creates the validation rules for the limits that do not depend on variables. The parser counts the tokens. */
export function createDocumentRules(limits: DocumentLimits): ValidationRule[] {
  const report = {
    // A thrown error would count as a fault of the validation.
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

function maxRootFieldsRule(limit: number): ValidationRule {
  return (context) => ({
    OperationDefinition: ({ selectionSet }) => {
      const count = countFields(selectionSet, (name) => context.getFragment(name));
      if (count > limit) {
        context.reportError(new LimitExceeded(`Root fields limit of ${limit} exceeded, found ${count}.`));
      }
    },
  });
}

/** Counts the fields of a selection, with those of its fragments. Visiting each fragment once defuses fragment bombs. */
function countFields(
  selectionSet: SelectionSetNode,
  findFragment: (name: string) => FragmentDefinitionNode | null | undefined,
  counted = new Map<string, number>(),
): number {
  let count = 0;
  for (const selection of selectionSet.selections) {
    if (selection.kind === Kind.FIELD) {
      count += 1;
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      count += countFields(selection.selectionSet, findFragment, counted);
    } else {
      const name = selection.name.value;
      const fragment = findFragment(name);
      if (!counted.has(name) && fragment != null) {
        // A fragment that spreads itself ends here. Validation refuses it.
        counted.set(name, 0);
        counted.set(name, countFields(fragment.selectionSet, findFragment, counted));
      }
      count += counted.get(name) ?? 0;
    }
  }
  return count;
}

/** Refuses an operation over the cost limit before anything is resolved. */
export function limitCost<TContext extends BaseContext>(limits: DocumentLimits): OperationHooks<TContext> {
  /** Costs with every variable at its most expensive. Operations below the limit need no look at their variables. */
  const maxCosts = new WeakMap<OperationDefinitionNode, number>();
  return {
    didResolveOperation: ({ schema, document, operation, request }) => {
      // The execution reports an unknown operation name.
      if (operation === undefined) return;
      let maxCost = maxCosts.get(operation);
      if (maxCost === undefined) {
        maxCost = measureCost({ schema, document, operation, limits, variables: null });
        maxCosts.set(operation, maxCost);
      }
      if (maxCost <= limits.cost) return;
      const cost = measureCost({ schema, document, operation, limits, variables: request.variables ?? {} });
      if (cost > limits.cost) {
        throw new LimitExceeded(`Cost limit of ${limits.cost} exceeded, the operation can cost ${cost}.`);
      }
    },
  };
}
