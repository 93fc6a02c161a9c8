import { join } from 'node:path';
import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { openCapture } from '../../../../dataplane/packet-ports/capture/reader';
import { planSides } from '../../../../dataplane/packet-ports/capture/sides';
import { cluster, TestGrid } from './test-grid';

const CAPTURE = join(__dirname, '../../../../examples/captures/mixed.pcap');
const ROUND_US = 10_000;

interface Replay {
  readonly grid: TestGrid;
  readonly entered: Map<number, string[]>;
  readonly killed: NodeRef | undefined;
}

/** Replays the example capture through four stages, AB-like backup stage second, with a kill at half of the frames. */
function replay(failure: 'backup' | 'redirect', selection: 'centralized' | 'distributed', kill: boolean): Replay {
  const filter = { name: 'packet-filter', config: { mode: 'strict' } };
  const grid = new TestGrid({
    clusters: [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 3, { failure, function: filter }),
      cluster(3, 3, { failure: 'redirect' }),
      cluster(4, 1, { role: 'inode' }),
    ],
    selection,
    untapped: true,
    slots: 8192,
    limits: { flows: 4096, connections: 4096 },
  });
  const sides = planSides(CAPTURE);
  const reader = openCapture(CAPTURE);
  const entered = new Map<number, string[]>([
    [1, []],
    [4, []],
  ]);
  let killed: NodeRef | undefined;
  for (let i = 0; reader.next(); i++) {
    const { record } = reader;
    // A silent gap in time skips hellos: one round at most between two frames.
    if (record.time >= grid.now + ROUND_US || i === 0) {
      grid.now = Math.max(grid.now, record.time - ROUND_US);
      grid.beat();
    }
    if (kill && i === sides.length >>> 1) {
      grid.settle();
      killed = busiest(grid);
      grid.kill(killed);
    }
    const from = sides[i] === 0 ? 1 : 4;
    const bytes = record.bytes().slice();
    (entered.get(5 - from) as string[]).push(Buffer.from(bytes).toString('latin1'));
    // An answer enters after what it answers has left.
    if (i % 16 === 0 || sides[i] !== sides[i - 1]) grid.settle();
    grid.inject(from, bytes);
  }
  reader.close();
  grid.settle();
  grid.beats(12);
  return { grid, entered, killed };
}

function busiest(grid: TestGrid): NodeRef {
  const refs = [1, 2, 3].map((node) => nodeRef(2, node));
  const flows = (ref: NodeRef): number => grid.group(ref).statistics(ref).flowsPrimary;
  return refs.reduce((best, ref) => (flows(ref) > flows(best) ? ref : best));
}

/** Frames that entered and did not leave, and that left and had not entered, on the way to a network. */
function difference({ grid, entered }: Replay, network: number): { missing: number; extra: number } {
  const counts = new Map<string, number>();
  for (const frame of entered.get(network) as string[]) counts.set(frame, (counts.get(frame) ?? 0) + 1);
  let extra = 0;
  for (const left of grid.left) {
    if (left.network !== network) continue;
    const key = Buffer.from(left.bytes).toString('latin1');
    const n = counts.get(key) ?? 0;
    if (n === 0) extra++;
    else counts.set(key, n - 1);
  }
  let missing = 0;
  for (const n of counts.values()) missing += n;
  return { missing, extra };
}

describe('real traffic through four stages', () => {
  test.each(['centralized', 'distributed'] as const)(
    'frames out equal frames in, byte for byte, when the primary of a strict filter dies (%s selection)',
    (selection) => {
      const run = replay('backup', selection, true);
      expect(difference(run, 4)).toEqual({ missing: 0, extra: 0 });
      expect(difference(run, 1)).toEqual({ missing: 0, extra: 0 });
      const taken = run.grid.allEvents().filter(({ type }) => type === 'FlowTakenOver');
      expect(taken.length).toBeGreaterThan(0);
      expect(run.grid.total(({ reemitted }) => reemitted)).toBeGreaterThan(0);
      expect(run.grid.dropped('node-dead')).toBeGreaterThan(0);
      expect(run.grid.total(({ inFlight }) => inFlight)).toBe(0);
    },
  );

  test('with redirect the same kill breaks flows, and every frame is accounted for', () => {
    const run = replay('redirect', 'centralized', true);
    const missing = difference(run, 4).missing + difference(run, 1).missing;
    expect(missing).toBeGreaterThan(0);
    const lost = run.grid.total(({ dropped }) => Object.entries(dropped).reduce((sum, [, n]) => sum + n, 0));
    expect(lost).toBe(missing);
  });
});
