/** Prints a row of a Markdown table. */
export function printRow(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

export function tellAnswers(answers: Readonly<Record<string, number>>): string {
  return Object.entries(answers)
    .map(([status, count]) => `${status}: ${tellCount(count)}`)
    .join(', ');
}

export function tellCount(count: number): string {
  return count.toLocaleString('en');
}

export function tellSeconds(durationMs: number, digits: number): string {
  return (durationMs / 1_000).toFixed(digits);
}
