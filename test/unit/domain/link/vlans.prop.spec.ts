import fc from 'fast-check';
import { decodeCommit, encodeCommit } from '../../../../adapters/codec/records';
import { canonical } from '../../../../domain/base/canonical';
import type { CommandBody } from '../../../../domain/commands';
import { decide } from '../../../../domain/decide';
import type { TopologyEvent } from '../../../../domain/events';
import { canonicalState, evolveCommit, type GridState } from '../../../../domain/grid-state';
import { vlanSettingsOf } from '../../../../domain/link/vlan-settings';
import type { Commit } from '../../../../domain/log/commit';
import { isRejection } from '../../../../domain/message';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { NOW } from '../given';
import { link, linkGrid } from './link-grid';

const LINKS = 4_000;
const ALIVE = 1_500;
const REST = 60_000;
const RUNS = 2;

const A1 = { cluster: 1, node: 1 };
const shapes: readonly (readonly [ways: number, parts: Partial<VirtualLink>])[] = [
  [1, { kind: 'switch' }],
  [1, { kind: 'hub' }],
  [1, { kind: 'clustered', members: [A1, { cluster: 2 }] }],
  [2, { kind: 'cable' }],
  [2, { kind: 'star', members: [A1, { cluster: 2 }] }],
  [0, { kind: 'external', members: [{ network: 3 }, { cluster: 3 }] }],
];

/** What happens in a run: a link of some shape is made, or the one at a place among those alive goes; and time passes. */
const steps = fc.record({
  seed: fc.nat(),
  /** Of a hundred steps with links alive, so many delete one. */
  deleting: fc.integer({ min: 20, max: 45 }),
  stepMs: fc.integer({ min: 0, max: 90 }),
});

/** A run in the making, with a plain account of who must have which ID since when. */
class Run {
  state: GridState = linkGrid();
  readonly begin = this.state;
  readonly records: Uint8Array[] = [];
  readonly alive: { readonly id: number; readonly ways: number }[] = [];
  readonly counts = { created: 0, deleted: 0, exhausted: 0, reused: 0 };
  private readonly holders = new Map<number, number>();
  private readonly released = new Map<number, number>();
  private at = NOW;

  constructor(private readonly random: () => number) {}

  wait(ms: number): void {
    this.at += Math.floor(this.random() * 2 * ms);
  }

  create(): void {
    const id = ++this.counts.created;
    const [ways, parts] = shapes[Math.floor(this.random() * shapes.length)]!;
    // Each external one has an ID of its own outside the block, as long as there are some.
    const isExternal = parts.kind === 'external';
    const data = link({ id, ...parts, ...(isExternal ? { vlans: [1 + (id % 2_000)] } : {}) });
    const events = this.submit({ type: 'CreateVirtualLink', data });
    if (typeof events === 'string') {
      expect(['none-free', ...(isExternal ? ['in-use'] : [])]).toContain(events);
      if (events === 'none-free') this.expectExhausted(ways);
      return;
    }
    for (const event of events) if (event.type === 'VlanAllocated') this.take(event.data.vlan, id);
    expect(events.filter(({ type }) => type === 'VlanAllocated')).toHaveLength(ways);
    this.alive.push({ id, ways });
  }

  delete(): void {
    const [gone] = this.alive.splice(Math.floor(this.random() * this.alive.length), 1);
    const events = this.submit({ type: 'DeleteVirtualLink', data: { link: gone!.id } });
    if (typeof events === 'string') throw new Error(events);
    this.counts.deleted++;
    for (const event of events) {
      if (event.type !== 'VlanReleased') continue;
      expect(this.holders.get(event.data.vlan)).toBe(gone!.id);
      this.holders.delete(event.data.vlan);
      this.released.set(event.data.vlan, this.at);
    }
  }

  /** No ID has leaked, none has two holders, and the state says what the account says. */
  expectSound(): void {
    const { vlans, resting } = this.state.links;
    const given = Object.values(vlans).map(({ vlan, link: holder }) => [vlan, holder]);
    expect(given).toEqual([...this.holders].sort(([a], [b]) => a - b));
    expect(given).toHaveLength(this.alive.reduce((sum, { ways }) => sum + ways, 0));
    expect(Object.entries(resting).map(([vlan, since]) => [Number(vlan), since])).toEqual(
      [...this.released].sort(([a], [b]) => a - b),
    );
  }

  private take(vlan: number, holder: number): void {
    const { first, last } = vlanSettingsOf(this.state.grid);
    expect(vlan >= first && vlan <= last && !this.holders.has(vlan)).toBe(true);
    const since = this.released.get(vlan);
    if (since !== undefined) {
      expect(this.at - since).toBeGreaterThanOrEqual(REST);
      this.counts.reused++;
    }
    for (let lower = first; lower < vlan; lower++) if (this.isFree(lower)) throw new Error(`${lower} was free`);
    this.holders.set(vlan, holder);
    this.released.delete(vlan);
  }

  private expectExhausted(ways: number): void {
    const { first, last } = vlanSettingsOf(this.state.grid);
    let free = 0;
    for (let vlan = first; vlan <= last; vlan++) if (this.isFree(vlan)) free++;
    expect(free).toBeLessThan(ways);
    this.counts.exhausted++;
  }

  private isFree(vlan: number): boolean {
    const since = this.released.get(vlan);
    return !this.holders.has(vlan) && (since === undefined || this.at - since >= REST);
  }

  /** The command's events, committed and recorded; or why it was refused. */
  private submit(body: CommandBody): readonly TopologyEvent[] | string {
    const { at, state } = this;
    const id = `c${state.seq + 1}`;
    const decision = decide(state, { id, by: 'operator:test', deadline: at, at, body });
    if (isRejection(decision)) return decision.reason;
    const seq = state.seq + 1;
    const commit: Commit<TopologyEvent> = {
      ...{ seq, prev: '0'.repeat(64), epoch: state.epoch, commandId: id, at },
      ...{ by: 'operator:test', cause: 0, corr: id, events: decision },
    };
    this.records.push(encodeCommit(commit));
    this.state = evolveCommit(state, commit);
    return decision;
  }
}

function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('VLAN IDs over thousands of links', () => {
  it('FG-485: none leaks, none has two holders, none comes back early, and records make the same state again', () => {
    const totals = { created: 0, deleted: 0, exhausted: 0, reused: 0 };
    fc.assert(
      fc.property(steps, ({ seed, deleting, stepMs }) => {
        const random = randomOf(seed);
        const run = new Run(random);
        let step = 0;
        while (run.counts.created < LINKS) {
          run.wait(stepMs);
          const mustDelete = run.alive.length === ALIVE;
          if (mustDelete || (run.alive.length > 0 && random() * 100 < deleting)) run.delete();
          else run.create();
          if (++step % 1_000 === 0) run.expectSound();
        }
        while (run.alive.length > 0) run.delete();
        run.expectSound();
        expect(run.state.links.vlans).toEqual({});
        const rebuilt = run.records.reduce(
          (state, record) => evolveCommit(state, decodeCommit(record) as Commit<TopologyEvent>),
          run.begin,
        );
        expect(canonical(canonicalState(rebuilt))).toBe(canonical(canonicalState(run.state)));
        for (const name of ['created', 'deleted', 'exhausted', 'reused'] as const) totals[name] += run.counts[name];
      }),
      { numRuns: RUNS, seed: 41, examples: [[{ seed: 1, deleting: 20, stepMs: 30 }]] },
    );
    expect(totals.created).toBe(RUNS * LINKS);
    expect(totals.exhausted).toBeGreaterThan(0);
    expect(totals.reused).toBeGreaterThan(0);
  });
});
