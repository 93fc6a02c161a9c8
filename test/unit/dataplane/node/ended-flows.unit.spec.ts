import { clusterOf, nodeOf, type NodeRef } from '../../../../domain/base/ids';
import { holdRounds, shortestIdleMs } from '../../../../domain/grid/timing';
import { DEFAULT_TIMING, type Timing } from '../../../../domain/topology/topology';
import { numbered, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const STAGE = 2;
const CLUSTERS = [
  cluster(1, 1, { role: 'inode' }),
  cluster(STAGE, 3, { failure: 'backup' }),
  cluster(3, 2),
  cluster(4, 1, { role: 'inode' }),
];

/** A grid in which one flow of one frame has just ended, and who emitted it in the stage. */
function ended(timing: Timing): { grid: TestGrid; emitter: NodeRef } {
  const grid = new TestGrid({ clusters: CLUSTERS, timing });
  grid.inject(1, udp({ from: '10.0.0.1', to: '10.9.0.1', fromPort: 5000, toPort: 53, payload: numbered(1) }));
  grid.settle();
  const sent = grid.taps.find(
    ({ kind, from, to }) => kind === 'sent' && clusterOf(from) === STAGE && clusterOf(to) > 2,
  );
  while (!grid.allEvents().some(({ type }) => type === 'FlowEnded')) grid.beat();
  return { grid, emitter: sent!.from };
}

function leave(grid: TestGrid, ref: NodeRef): void {
  grid.change(
    CLUSTERS.map((each) =>
      each.id === STAGE ? { ...each, members: each.members.filter(({ node }) => node !== nodeOf(ref)) } : each,
    ),
  );
}

/** How often the frame has left when its emitter leaves or dies so many hello rounds after the flow's end. */
function timesLeft(timing: Timing, rounds: number, end: 'leaves' | 'dies'): number {
  const { grid, emitter } = ended(timing);
  grid.beats(rounds);
  if (end === 'leaves') leave(grid, emitter);
  else grid.kill(emitter);
  grid.beats(timing.detectMultiplier + 3);
  return grid.left.length;
}

test.each([2, 3, 4, 5, 20])(
  'FG-464: when the shortest idle timeout has passed no backup holds a frame to send again (detectMultiplier %d)',
  (detectMultiplier) => {
    const detection = { ...DEFAULT_TIMING, detectMultiplier };
    const timing = { ...detection, udpIdleMs: shortestIdleMs(detection) };
    for (let rounds = 0; rounds <= holdRounds(timing); rounds++) {
      expect({ rounds, times: timesLeft(timing, rounds, 'leaves') }).toEqual({ rounds, times: 1 });
      expect({ rounds, times: timesLeft(timing, rounds, 'dies') }).toEqual({ rounds, times: 1 });
    }
    // So short a timeout is refused: the flow ends while its backup may still have to send.
    expect(timesLeft({ ...timing, udpIdleMs: timing.helloMs }, 0, 'leaves')).toBe(2);
  },
);
