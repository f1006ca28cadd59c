import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** A selector such as `metric{label="value"}`. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** Returns the labels of a metric, or undefined if it does not exist. */
export type FindLabels = (metric: string) => ReadonlySet<string> | undefined;

const SET_OPERATORS = ['And', 'Or', 'Unless'];
const KEEP_ALL_LABELS = ['topk', 'bottomk'];
const NO_LABELS: ReadonlySet<string> = new Set();

/** Finds the selectors of an expression. @throws if it is not PromQL. */
export function findSelectors(expression: string): Selector[] {
  const selectors: Selector[] = [];
  parse(expression)
    .cursor()
    .iterate(({ name, node }) => {
      if (name === 'VectorSelector') selectors.push(readSelector(expression, node));
    });
  return selectors;
}

/**
 * Finds the labels of an expression's results.
 *
 * @throws if the expression is not PromQL, selects an unknown metric, groups by a missing label, or combines operands with
 *   different labels, which would match nothing.
 */
export function findResultLabels(expression: string, labelsOfMetric: FindLabels): ReadonlySet<string> {
  const judge = (node: SyntaxNode): ReadonlySet<string> => {
    const operands = listChildren(node);
    switch (node.name) {
      case 'VectorSelector': {
        const { metric } = readSelector(expression, node);
        const labels = labelsOfMetric(metric);
        if (labels === undefined) throw new Error(`There is no metric ${metric}.`);
        return labels;
      }
      case 'AggregateExpr':
        return judgeAggregate(node);
      case 'BinaryExpr':
        return judgeBinary(node);
      case 'FunctionCall': {
        const labels = union(operands.map(judge));
        const isQuantile = readText(expression, node.getChild('FunctionIdentifier')) === 'histogram_quantile';
        return isQuantile ? without(labels, new Set(['le'])) : labels;
      }
      default:
        return union(operands.map(judge));
    }
  };

  const judgeAggregate = (node: SyntaxNode): ReadonlySet<string> => {
    const body = node.getChild('FunctionCallBody');
    const labels = body === null ? NO_LABELS : judge(body);
    if (KEEP_ALL_LABELS.includes(readText(expression, node.getChild('AggregateOp')))) return labels;
    const modifier = node.getChild('AggregateModifier');
    const grouping = modifier?.getChild('GroupingLabels')?.getChildren('LabelName') ?? [];
    const names = new Set(grouping.map((label) => readText(expression, label)));
    const missing = without(names, labels);
    if (missing.size > 0) throw new Error(`${expression} groups by ${[...missing].join()}, which is not there.`);
    return modifier?.getChild('Without') == null ? names : without(labels, names);
  };

  const judgeBinary = (node: SyntaxNode): ReadonlySet<string> => {
    const operands = listChildren(node);
    const [left, right] = [operands.at(0), operands.at(-1)].map((operand) => ({
      labels: operand === undefined ? NO_LABELS : judge(operand),
      isVector: operand !== undefined && findSelectors(readText(expression, operand)).length > 0,
    }));
    if (left === undefined || right === undefined) return NO_LABELS;
    const isSet = operands.some(({ name }) => SET_OPERATORS.includes(name));
    const hasClause = node.getChild('MatchingModifierClause') !== null;
    const areDifferent = without(left.labels, right.labels).size + without(right.labels, left.labels).size > 0;
    if (left.isVector && right.isVector && !isSet && !hasClause && areDifferent)
      throw new Error(`The labels on the two sides of ${readText(expression, node)} differ.`);
    return left.isVector ? left.labels : right.labels;
  };

  return judge(parse(expression));
}

function parse(expression: string): SyntaxNode {
  const tree = parser.parse(expression);
  tree.cursor().iterate(({ type, from }) => {
    if (type.isError) throw new Error(`This is no PromQL, from character ${from} on: ${expression}`);
  });
  return tree.topNode;
}

function readSelector(expression: string, node: SyntaxNode): Selector {
  const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  return {
    metric: readText(expression, node.getChild('Identifier')),
    matchers: matchers.map((matcher) => ({
      label: readText(expression, matcher.getChild('LabelName')),
      operator: readText(expression, matcher.getChild('MatchOp')),
      value: JSON.parse(readText(expression, matcher.getChild('StringLiteral'))) as string,
    })),
  };
}

function listChildren(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) children.push(child);
  return children;
}

function union(sets: readonly ReadonlySet<string>[]): ReadonlySet<string> {
  return new Set(sets.flatMap((labels) => [...labels]));
}

function without(labels: ReadonlySet<string>, others: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...labels].filter((label) => !others.has(label)));
}

function readText(expression: string, node: SyntaxNode | null): string {
  return node === null ? '' : expression.slice(node.from, node.to);
}
