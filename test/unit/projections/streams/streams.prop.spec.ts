import fc from 'fast-check';
import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import type { NodeStatistics } from '../../../../domain/node/statistics';
import { StatisticsStreams, type Streams } from '../../../../projections';
import { EGRESS, FILTER, INGRESS, SmallGrid, START } from '../../runtime/control/small-grid';
import { atMs, reading, told } from './readings';

const NODES = [nodeRef(INGRESS, 1), nodeRef(FILTER, 1), nodeRef(FILTER, 2), nodeRef(EGRESS, 1)];

/** What happens to one node in one second, and to the reading that tells it. */
const second = fc.record({
  node: fc.nat(NODES.length - 1),
  frames: fc.nat(1_000),
  dies: fc.boolean(),
  fate: fc.constantFrom('comes', 'comes', 'lost', 'twice', 'late'),
});

/** Nodes that count, die and begin anew; and what of their readings comes, in the order in which it does. */
class Story {
  readonly lives = new Map<NodeRef, { incarnation: number; received: number }>(
    NODES.map((node) => [node, { incarnation: 1, received: 0 }]),
  );
  /** Frames of all lives, as far as they can have been heard of. */
  counted = 0;
  readonly arrivals: NodeStatistics[] = [];
  private late: NodeStatistics[] = [];

  live(
    at: number,
    { node: index, frames, dies, fate }: { node: number; frames: number; dies: boolean; fate: string },
  ): void {
    const node = NODES[index]!;
    const life = this.lives.get(node)!;
    life.received += frames;
    this.counted += frames;
    const told = this.reading(node, at);
    if (fate === 'late') this.late.push(told);
    else if (fate !== 'lost') this.arrivals.push(told, ...(fate === 'twice' ? [told] : []));
    if (fate !== 'late') this.arrivals.push(...this.late.splice(0));
    if (!dies) return;
    // Its last words are heard, so that nothing that it counted is unknown.
    this.arrivals.push(this.reading(node, at + 0.5));
    this.lives.set(node, { incarnation: life.incarnation + 1, received: 0 });
  }

  end(at: number): void {
    for (const node of NODES) this.arrivals.push(this.reading(node, at));
  }

  private reading(node: NodeRef, at: number): NodeStatistics {
    const { incarnation, received } = this.lives.get(node)!;
    const types = [{ flowType: 1, live: 1, started: received, ended: 0, packets: received, bytes: received }];
    return reading(node, at, { incarnation, received, types, dropped: { runt: received } });
  }
}

function ratesOf({ grid, clusters, types }: Streams): number[] {
  return [grid, ...clusters, ...types].flatMap(({ perSecond }) => Object.values(perSecond));
}

describe('whatever becomes of readings', () => {
  let grid: SmallGrid;
  beforeAll(async () => {
    grid = await new SmallGrid().up();
  });

  test('FG-335: rates are never negative, sums never shrink, and are exact once the newest readings have come', () => {
    fc.assert(
      fc.property(fc.array(second, { minLength: 1, maxLength: 60 }), (seconds) => {
        const story = new Story();
        seconds.forEach((each, i) => story.live(i + 1, each));
        story.end(seconds.length + 1);
        const streams = new StatisticsStreams(START);
        let before = 0;
        story.arrivals.forEach((arrival, i) => {
          streams.observe(arrival, atMs(1 + i / 10));
          const now = told(streams, grid, 1 + i / 10);
          for (const rate of ratesOf(now)) expect(rate).toBeGreaterThanOrEqual(0);
          expect(now.grid.counts.frames).toBeGreaterThanOrEqual(before);
          before = now.grid.counts.frames;
        });
        const { grid: whole, types } = told(streams, grid, 1);
        expect(whole.counts.frames).toBe(story.counted);
        expect(whole.counts.dropped['runt'] ?? 0).toBe(story.counted);
        expect(types.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(story.counted);
      }),
    );
  });

  test('FG-336: a standby that heard the same tells the same when it leads', () => {
    fc.assert(
      fc.property(fc.array(second, { minLength: 1, maxLength: 30 }), (seconds) => {
        const story = new Story();
        seconds.forEach((each, i) => story.live(i + 1, each));
        const [leader, standby] = [new StatisticsStreams(START), new StatisticsStreams(START)];
        story.arrivals.forEach((arrival, i) => {
          leader.observe(arrival, atMs(i / 10));
          standby.observe(arrival, atMs(i / 10));
          if (i % 3 === 0) told(leader, grid, i / 10);
        });
        expect(told(standby, grid, 10)).toEqual(told(leader, grid, 10));
      }),
    );
  });
});
