import { clusterOf, nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { D_FLAGS, DF_REEMITTED } from '../../../../dataplane/frames/layout';
import { numbered, numberIn, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const THERE = { from: '10.0.0.1', to: '10.9.0.1', fromPort: 5000, toPort: 53 };
const BACK = { from: '10.9.0.1', to: '10.0.0.1', fromPort: 53, toPort: 5000 };

/** Three nodes that back each other up between two INODEs at either end; a flow has gone both ways. */
function carried() {
  const grid = new TestGrid({
    clusters: [
      cluster(1, 2, { role: 'inode' }),
      cluster(2, 3, { failure: 'backup', function: { name: 'tally', config: {} } }),
      cluster(3, 2, { role: 'inode' }),
    ],
  });
  const send = (number: number, ends = THERE): void => {
    grid.inject(ends === THERE ? 1 : 4, udp({ ...ends, payload: numbered(number) }));
    grid.settle();
  };
  send(1);
  send(1, BACK);
  const emitterOf = (id: number): NodeRef =>
    grid.taps.find(({ kind, from, to }) => kind === 'sent' && clusterOf(from) === id && clusterOf(to) !== id)!.from;
  return { grid, send, primary: emitterOf(2), near: emitterOf(1) };
}

function shadowOf(grid: TestGrid, primary: NodeRef): NodeRef {
  return grid.taps.findLast(({ kind, to }) => kind === 'sent' && clusterOf(to) === 2 && to !== primary)!.to;
}

/** What a node has sent towards the far end: numbers of frames, and whether they were marked as emitted again. */
function sentBy(grid: TestGrid, ref: NodeRef): { frame: number; again: boolean }[] {
  return grid.taps
    .filter(({ kind, from, to }) => kind === 'sent' && from === ref && clusterOf(to) === 3)
    .map(({ bytes }) => {
      const descriptor = bytes.length - bytes[bytes.length - 1];
      return {
        frame: numberIn(bytes.subarray(0, descriptor)),
        again: (bytes[descriptor + D_FLAGS] & DF_REEMITTED) !== 0,
      };
    });
}

/** Numbers of the frames that have left at a network. */
function left(grid: TestGrid, network: number): number[] {
  return grid.left.filter((each) => each.network === network).map(({ bytes }) => numberIn(bytes));
}

describe('what a node emits again', () => {
  test('FG-104: goes in order and marked, what it held before what still waited for the state', () => {
    const { grid, send, primary } = carried();
    const second = shadowOf(grid, primary);
    const third = [1, 2, 3].map((node) => nodeRef(2, node)).find((ref) => ref !== primary && ref !== second)!;
    grid.kill(primary);
    grid.beats(5);
    // The third is being brought into step: this frame comes to it as a copy and is held, the next comes alone and waits.
    send(2);
    grid.kill(second);
    send(3);
    grid.beats(5);
    expect(sentBy(grid, third)).toEqual([
      { frame: 2, again: true },
      { frame: 3, again: true },
    ]);
    expect(left(grid, 4)).toEqual([1, 2, 3]);
  });

  test('FG-362: leaves by no other INODE than the one that died with its emitter, and is counted', () => {
    const { grid, send, primary, near } = carried();
    send(2, BACK);
    grid.kill(near);
    grid.kill(primary);
    send(3, BACK);
    grid.beats(8);
    send(4, BACK);
    expect(left(grid, 1)).toEqual([1, 2, 4]);
    expect(grid.dropped('in-doubt')).toBe(3);
  });

  test('FG-362: leaves by the INODE that has taken the flow over when it entered after that', () => {
    const { grid, send, primary, near } = carried();
    grid.kill(near);
    grid.beats(4);
    grid.kill(primary);
    send(2, BACK);
    grid.beats(5);
    expect(left(grid, 1)).toEqual([1, 2]);
    expect(grid.dropped('in-doubt')).toBe(0);
  });
});
