import type { Line, RivalName } from './findings.ts';
import { formatNumber } from './table.ts';
import type { Machine } from './usage.ts';
import { COMPARED } from './workloads.ts';

const WIDTH = 840;
const LABELS = 92;
const COLUMN = WIDTH / 2;
const BAR = 16;
const ROW = 24;
const HEAD = 54;

/** The style for light and dark backgrounds. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 15px; }
  .panel { font-weight: 600; }
  .note { fill: #57606a; font-size: 11px; }
  .bar { fill: #a9b4c0; }
  .service { fill: #0969da; }
  .spread { stroke: #24292f; stroke-width: 1.25; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .bar { fill: #59636e; }
    .service { fill: #4493f8; }
    .spread { stroke: #e6edf3; }
  }`;

/** Draws the throughput at the first number of connections of each workload, with a panel per workload and a bar per contender. */
export function drawChart(lines: readonly Line[], machine: Machine): string {
  const panels = [...Map.groupBy(lines, ({ workload }) => workload).values()].map((ofWorkload) =>
    ofWorkload.filter(({ connections }) => connections === ofWorkload[0]?.connections),
  );
  const height = Math.max(0, ...panels.map((panel) => panel.length)) * ROW + 44;
  const drawn = panels.map((panel, i) => drawPanel(panel, (i % 2) * COLUMN, HEAD + Math.floor(i / 2) * height));
  const total = HEAD + Math.ceil(panels.length / 2) * height + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${total}" width="${WIDTH}" height="${total}" role="img" aria-label="Requests per second of the service and others">
<style>${STYLE}
</style>
<text class="title" x="8" y="20">Requests per second; more is better</text>
<text class="note" x="8" y="38">Median of the rounds, with the least and the most. ${escape(machine.cpu)}, ${machine.cpus} cores; Node ${escape(machine.node)}, PostgreSQL ${escape(machine.postgres)}; ${machine.date.slice(0, 10)}</text>
${drawn.join('\n')}
</svg>
`;
}

function drawPanel(panel: readonly Line[], left: number, top: number): string {
  const [first] = panel;
  if (first === undefined) return '';
  const most = Math.max(...panel.map(({ perSecond }) => perSecond.max));
  // Leaves room for the number behind the longest bar.
  const scale = (value: number): number => Math.round((value / most) * (COLUMN - LABELS - 84) * 10) / 10;
  const rows = panel.map(({ contender, perSecond }, i) => {
    const y = top + 20 + i * ROW;
    const x = left + LABELS;
    const middle = y + BAR / 2;
    return [
      `<text x="${x - 8}" y="${y + 12}" text-anchor="end">${formatName(contender)}</text>`,
      `<rect class="${contender === 'service' ? 'service' : 'bar'}" x="${x}" y="${y}" width="${scale(perSecond.median)}" height="${BAR}" rx="2"/>`,
      `<line class="spread" x1="${x + scale(perSecond.min)}" x2="${x + scale(perSecond.max)}" y1="${middle}" y2="${middle}"/>`,
      `<text x="${x + scale(perSecond.max) + 6}" y="${y + 12}">${formatNumber(perSecond.median)}</text>`,
    ].join('\n');
  });
  return `<text class="panel" x="${left + 8}" y="${top + 10}">${COMPARED[first.workload].title}, ${first.connections} connections</text>\n${rows.join('\n')}`;
}

function formatName(contender: RivalName): string {
  return contender === 'service' ? 'this service' : contender;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
