import fc from 'fast-check';
import { Observations } from '../../../actors/observations';
import { pending, wakeAt } from '../../../actors/reactions';
import { canonical } from '../../../domain/base/canonical';
import type { CommandBody } from '../../../domain/commands';
import { decide } from '../../../domain/decide';
import type { TopologyEvent } from '../../../domain/events';
import { canonicalState, evolveCommit, type GridState } from '../../../domain/grid-state';
import type { Commit } from '../../../domain/log/commit';
import { cutOver } from '../../../domain/link/cutover';
import { isUp, nodesOfResilient } from '../../../domain/link/ends';
import { isRejection } from '../../../domain/message';
import { NOW } from '../domain/given';
import { connect, resilientGrid } from '../domain/link/cutover-specifications';

/** What happens to an end, so long after what happened before. */
const steps = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 300 }),
    node: fc.constantFrom(1, 2),
    what: fc.constantFrom('die', 'die', 'return', 'return', 'drain', 'connect', 'wait'),
  }),
  { minLength: 10, maxLength: 60 },
);

/** A leader's fold: commands and reactions, each a commit. */
class Leader {
  readonly commits: Commit<TopologyEvent>[] = [];
  readonly begin: GridState;
  state: GridState;
  at = NOW;

  constructor(restoreMs: number | undefined) {
    this.begin = this.state = resilientGrid(restoreMs);
  }

  submit(body: CommandBody): boolean {
    const { at } = this;
    const events = decide(this.state, { id: 'c', by: 'operator:test', deadline: at, at, body });
    if (isRejection(events) || events.length === 0) return false;
    const seq = this.state.seq + 1;
    const commandId = `c${seq}`;
    const commit = { seq, prev: '', epoch: 0, commandId, at, by: '', cause: 0, corr: '', events };
    this.commits.push(commit);
    this.state = evolveCommit(this.state, commit);
    return true;
  }

  /** What links ask for, as the leader asks after every fold. */
  react(): number {
    const world = { state: this.state, observed: new Observations(), now: this.at };
    const due = pending(world).filter(({ body }) => body.type === 'CutOverLink');
    return due.filter(({ body }) => this.submit(body)).length;
  }

  /** Time passes, and the leader wakes when it said that it would. */
  pass(ms: number): number {
    const until = this.at + ms;
    let cutovers = 0;
    for (;;) {
      const wake = wakeAt({ state: this.state, observed: new Observations(), now: this.at });
      if (wake === undefined || wake > until) break;
      this.at = wake;
      cutovers += this.react();
    }
    this.at = until;
    return cutovers;
  }

  apply(node: number, what: string): void {
    const { status, incarnation } = this.state.clusters[2]!.nodes[node]!;
    const address = { cluster: 2, node };
    if (what === 'die') this.submit({ type: 'FailNode', data: { ...address, incarnation } });
    else if (what === 'drain') this.submit({ type: 'DrainNode', data: { ...address, withinMs: 0, thenRemove: false } });
    else if (what === 'connect') this.submit(connect(node === 1 ? 'primary' : 'standby'));
    else if (what === 'return' && status === 'failed') {
      this.submit({ type: 'RecoverNode', data: { ...address, incarnation: incarnation + 1 } });
      this.submit({ type: 'ActivateNode', data: { ...address, incarnation: incarnation + 1 } });
    }
  }
}

describe('resilient links under a leader', () => {
  const restore = fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined });

  it('FG-515: whatever becomes of its ends, one that takes flows is connected, and a rebuild from the log says the same', () => {
    let cutovers = 0;
    fc.assert(
      fc.property(steps, restore, (each, restoreMs) => {
        const leader = new Leader(restoreMs);
        for (const { afterMs, node, what } of each) {
          cutovers += leader.pass(afterMs);
          leader.apply(node, what);
          cutovers += leader.react();
          const { links, clusters } = leader.state;
          const cutover = links.cutovers[1]!;
          const nodes = nodesOfResilient(links.links[1]!)!;
          const up = { primary: isUp(clusters, nodes.primary), standby: isUp(clusters, nodes.standby) };
          expect({ primary: cutover.primary.isUp, standby: cutover.standby.isUp }).toEqual(up);
          if (up.primary || up.standby) expect(up[cutover.connected]).toBe(true);
          // Nothing more is due, and nothing was missed.
          expect(cutOver(cutover, restoreMs, leader.at)).toBe(cutover);
          expect(leader.react()).toBe(0);
        }
        const rebuilt = leader.commits.reduce(evolveCommit, leader.begin);
        expect(canonical(canonicalState(rebuilt))).toBe(canonical(canonicalState(leader.state)));
      }),
      { numRuns: 100 },
    );
    expect(cutovers).toBeGreaterThan(100);
  });
});
