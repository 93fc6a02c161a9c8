import { LivePainter, statusLines, type StatusModel } from '../../../../interface/cli/live-status';

const model: StatusModel = {
  grid: 'figure-4',
  gridSeconds: 12.3456,
  framesIn: 10_000,
  framesTotal: 20_000,
  framesOut: 9_990,
  framesDropped: 2,
  framesPerSecond: 41_000,
  flowsActive: 12,
  flowsStarted: 345,
  topologyVersion: 3,
  stages: [
    {
      cluster: 'AB',
      policy: 'backup',
      nodes: [
        { name: 'AB-1', state: 'active', flows: 7, shadowed: 5, frames: 4_000 },
        { name: 'AB-2', state: 'dead', flows: 0, shadowed: 0, frames: 1_000 },
        { name: 'AB-3', state: 'active', flows: 5, shadowed: 7, frames: 5_000 },
      ],
    },
  ],
  events: Array.from({ length: 20 }, (_, index) => ({ gridSeconds: index, text: `event ${index}` })),
};

const visible = (line: string): string => line.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '');

describe('the live status', () => {
  it('shows grid, counts, every node with its flows, and the newest events', () => {
    const text = statusLines(model, 120).map(visible).join('\n');
    expect(text).toContain('figure-4  grid time +12.346s  topology v3');
    expect(text).toContain('10 000 in  9 990 out  2 dropped  41 000/s');
    expect(text).toContain('● AB-1 7+5 fl 4 000 fr');
    expect(text).toContain('✕ AB-2 0 fl 1 000 fr');
    expect(text).toContain('event 19');
    expect(text).not.toContain('event 11\n');
  });

  it('keeps node cells within the width, on more lines where they do not fit', () => {
    for (const columns of [60, 80, 120, 200]) {
      const lines = statusLines(model, columns).map(visible);
      for (const line of lines.filter((candidate) => candidate.includes('AB-'))) {
        expect(line.trimEnd().length).toBeLessThanOrEqual(columns);
      }
    }
  });

  it('repaints in place and clears what was below', () => {
    const painted: string[] = [];
    const painter = new LivePainter((text) => painted.push(text));
    painter.show(['one', 'two']);
    painter.show(['three']);
    expect(painted[1]).toBe('\u001b[2A\u001b[2Kthree\n\u001b[J');
  });
});
