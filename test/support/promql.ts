import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** `metric{label="value"}` in an expression. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** The labels of a metric; undefined where there is no such metric. */
export type LabelsOf = (metric: string) => ReadonlySet<string> | undefined;

const SET_OPERATORS = ['And', 'Or', 'Unless'];
const KEEP_ALL_LABELS = ['topk', 'bottomk'];
const NO_LABELS: ReadonlySet<string> = new Set();

/** @returns what the expression selects. @throws where it is no PromQL. */
export function selectorsOf(expression: string): Selector[] {
  const selectors: Selector[] = [];
  parse(expression)
    .cursor()
    .iterate(({ name, node }) => {
      if (name === 'VectorSelector') selectors.push(selectorOf(expression, node));
    });
  return selectors;
}

/**
 * The labels that the results of an expression have.
 *
 * @throws where it is no PromQL, selects a metric that is not there, groups by a label that its operand has not, or
 *   combines two operands whose labels differ, which would find no pairs.
 */
export function labelsOf(expression: string, labelsOfMetric: LabelsOf): ReadonlySet<string> {
  const judge = (node: SyntaxNode): ReadonlySet<string> => {
    const operands = childrenOf(node);
    switch (node.name) {
      case 'VectorSelector': {
        const { metric } = selectorOf(expression, node);
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
        const isQuantile = textOf(expression, node.getChild('FunctionIdentifier')) === 'histogram_quantile';
        return isQuantile ? without(labels, new Set(['le'])) : labels;
      }
      default:
        return union(operands.map(judge));
    }
  };

  const judgeAggregate = (node: SyntaxNode): ReadonlySet<string> => {
    const body = node.getChild('FunctionCallBody');
    const labels = body === null ? NO_LABELS : judge(body);
    if (KEEP_ALL_LABELS.includes(textOf(expression, node.getChild('AggregateOp')))) return labels;
    const modifier = node.getChild('AggregateModifier');
    const grouping = modifier?.getChild('GroupingLabels')?.getChildren('LabelName') ?? [];
    const names = new Set(grouping.map((label) => textOf(expression, label)));
    const missing = without(names, labels);
    if (missing.size > 0) throw new Error(`${expression} groups by ${[...missing].join()}, which is not there.`);
    return modifier?.getChild('Without') == null ? names : without(labels, names);
  };

  const judgeBinary = (node: SyntaxNode): ReadonlySet<string> => {
    const operands = childrenOf(node);
    const [left, right] = [operands.at(0), operands.at(-1)].map((operand) => ({
      labels: operand === undefined ? NO_LABELS : judge(operand),
      isVector: operand !== undefined && selectorsOf(textOf(expression, operand)).length > 0,
    }));
    if (left === undefined || right === undefined) return NO_LABELS;
    const isSet = operands.some(({ name }) => SET_OPERATORS.includes(name));
    const hasClause = node.getChild('MatchingModifierClause') !== null;
    const areDifferent = without(left.labels, right.labels).size + without(right.labels, left.labels).size > 0;
    if (left.isVector && right.isVector && !isSet && !hasClause && areDifferent)
      throw new Error(`The labels on the two sides of ${textOf(expression, node)} differ.`);
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

function selectorOf(expression: string, node: SyntaxNode): Selector {
  const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  return {
    metric: textOf(expression, node.getChild('Identifier')),
    matchers: matchers.map((matcher) => ({
      label: textOf(expression, matcher.getChild('LabelName')),
      operator: textOf(expression, matcher.getChild('MatchOp')),
      value: JSON.parse(textOf(expression, matcher.getChild('StringLiteral'))) as string,
    })),
  };
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
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

function textOf(expression: string, node: SyntaxNode | null): string {
  return node === null ? '' : expression.slice(node.from, node.to);
}
