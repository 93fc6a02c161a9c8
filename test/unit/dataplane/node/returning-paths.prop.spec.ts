import * as fc from 'fast-check';
import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { createPrng, type Prng } from '../../../../domain/base/prng';
import type { FailurePolicy, SelectorKind, Topology } from '../../../../domain/topology/topology';
import { numbered, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const [WEST, EAST] = [1, 4];
const FLOWS = 10;
const STEPS = 12;
/** Rounds after which everybody knows of a death, and backups have let go of what they held. */
const SETTLED = 12;
const POLICIES: readonly FailurePolicy[] = ['backup', 'redirect'];
const SELECTORS: readonly SelectorKind[] = ['hash', 'round-robin', 'least-flows'];
const totals = { frames: 0, kills: 0, inodes: 0 };

/** Both networks at one cluster of INODEs, with stages between; every node of it can die while its cluster has others. */
class Scenario {
  readonly grid: TestGrid;
  private readonly prng: Prng;
  private readonly living = new Map<number, NodeRef[]>();
  private readonly asked = new Array<number>(FLOWS).fill(0);
  private readonly answered = new Array<number>(FLOWS).fill(0);

  constructor(seed: number) {
    this.prng = createPrng(seed);
    const stages = Array.from({ length: 2 + this.prng.below(2) }, (_, i) =>
      cluster(i + 2, 2 + this.prng.below(2), { failure: this.pick(POLICIES), selector: this.pick(SELECTORS) }),
    );
    const clusters = [cluster(1, 2 + this.prng.below(3), { role: 'inode' }), ...stages];
    for (const { id, members } of clusters)
      this.living.set(
        id,
        members.map(({ node }) => nodeRef(id, node)),
      );
    const ids = clusters.map(({ id }) => id);
    const selections: readonly Topology['selection'][] = ['centralized', 'distributed'];
    this.grid = new TestGrid({
      clusters,
      selection: this.pick(selections),
      networks: [
        { id: WEST, name: 'EN-1', cluster: 1, tagged: false },
        { id: EAST, name: 'EN-4', cluster: 1, tagged: false },
      ],
      links: [
        { id: 1, name: 'VN-1', kind: 'switch', members: ids.map((id) => ({ cluster: id })), control: false, mtu: 9000 },
      ],
      paths: [
        { id: 1, name: 'there', from: [WEST], to: EAST, clusters: [...ids, 1] },
        { id: 2, name: 'back', from: [EAST], to: WEST, clusters: [1, ...ids.slice(1).reverse(), 1] },
      ],
    });
  }

  run(): void {
    for (let flow = 0; flow < FLOWS; flow++) this.ask(flow);
    for (let i = 0; i < STEPS; i++) {
      if (this.prng.below(3) === 0) this.kill();
      // Either side may be the first to send after a death.
      for (let n = 0; n < FLOWS; n++) {
        if (this.prng.below(2) === 0) this.answer(this.prng.below(FLOWS));
        else this.ask(this.prng.below(FLOWS));
      }
    }
  }

  private ask(flow: number): void {
    const payload = numbered(++this.asked[flow]!);
    this.cross(WEST, EAST, udp({ from: '10.0.0.1', to: '10.9.0.2', fromPort: 2000 + flow, toPort: 53, payload }));
  }

  private answer(flow: number): void {
    const payload = numbered(++this.answered[flow]!);
    this.cross(EAST, WEST, udp({ from: '10.9.0.2', to: '10.0.0.1', fromPort: 53, toPort: 2000 + flow, payload }));
  }

  /** A frame comes in by any INODE that lives, and leaves once, on the other side. */
  private cross(from: number, to: number, bytes: Uint8Array): void {
    const { grid } = this;
    const before = grid.left.length;
    grid.inject(from, bytes, this.pick(this.living.get(1)!));
    grid.settle();
    totals.frames++;
    expect(grid.left.slice(before).map(({ network }) => network)).toEqual([to]);
    expect(grid.left[before]!.bytes).toEqual(bytes);
  }

  private kill(): void {
    const ids = [...this.living.keys()].filter((id) => this.living.get(id)!.length > 1);
    // INODEs are what this is about.
    const id = this.prng.below(2) === 0 ? 1 : ids[this.prng.below(Math.max(1, ids.length))];
    const members = id === undefined ? [] : this.living.get(id)!;
    if (id === undefined || members.length < 2) return;
    const victim = this.pick(members);
    this.living.set(
      id,
      members.filter((ref) => ref !== victim),
    );
    this.grid.kill(victim);
    this.grid.beats(SETTLED);
    totals.kills++;
    if (id === 1) totals.inodes++;
  }

  private pick<Item>(items: readonly Item[]): Item {
    return items[this.prng.below(items.length)]!;
  }
}

test('FG-546: where one cluster of INODEs has both networks, no flow is lost with nodes that die, whoever sends next', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x7fff_ffff }), (seed) => {
      const scenario = new Scenario(seed);
      const slots = scenario.grid.freeSlots();
      scenario.run();
      scenario.grid.beats(SETTLED);
      expect(scenario.grid.freeSlots()).toBeGreaterThanOrEqual(slots);
      // Nobody began a flow anew.
      const flows = scenario.grid.allEvents().flatMap((event) => (event.type === 'FlowStarted' ? [event.flow] : []));
      expect(new Set(flows).size).toBe(FLOWS);
    }),
    { numRuns: 24, endOnFailure: true },
  );
  expect(totals.frames).toBeGreaterThan(1000);
  expect(totals.inodes).toBeGreaterThan(24);
  expect(totals.kills).toBeGreaterThan(totals.inodes);
});
