import { wholeAsChanges } from '../../../../domain/topology/changes';
import { chainId, clusterOf, nodeOf, nodeRef, type NodeRef } from '../../../../domain/base/ids';
import type { TopologyEvent } from '../../../../domain/events';
import { nodeKey } from '../../../../dataplane/descriptor/node-table';
import type { NodeStatistics } from '../../../../domain/node/statistics';
import { createChecker, type Checker, type Verdicts } from '../../../../projections/verdicts';
import { numbered, udp } from '../../dataplane/node/frames';
import { cluster, TestGrid } from '../../dataplane/node/test-grid';

const SECRET = new Uint8Array(32).fill(7);
const LIVES = ['affinity', 'pinnedTopology', 'oneEmitter', 'conservation', 'isolation', 'transparency'] as const;

/** The checker beside the real dataplane: what the one does, the other sees by taps, events and counters alone. */
class Watched {
  readonly grid: TestGrid;
  readonly checker: Checker = createChecker({ keysOf: (ref) => [nodeKey(SECRET, clusterOf(ref), nodeOf(ref), 1)] });
  private readonly refs: NodeRef[];
  private readonly dead = new Set<NodeRef>();
  private n = 0;

  constructor(failure: 'backup' | 'redirect' | 'discard', selection: 'centralized' | 'distributed' = 'centralized') {
    const clusters = [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 3, { failure }),
      cluster(3, 2, { failure: 'discard' }),
      cluster(4, 1, { role: 'inode' }),
    ];
    this.refs = clusters.flatMap(({ id, members }) => members.map(({ node }) => nodeRef(id, node)));
    this.grid = new TestGrid({ clusters, selection });
    const { topology } = this.grid;
    const { version, wireId } = topology;
    this.commit({
      type: 'TopologyPublished',
      v: 2,
      data: { version, wireId, changes: wholeAsChanges(topology), dead: [] },
    });
  }

  /** One frame each way on each of `flows` flows. */
  exchange(flows = 6): void {
    for (let i = 0; i < flows; i++) {
      const [client, server] = ['10.0.0.1', '10.9.0.1'];
      const payload = numbered(++this.n);
      this.grid.inject(1, udp({ from: client, to: server, fromPort: 5000 + i, toPort: 53, payload }));
      this.grid.settle();
      this.grid.inject(4, udp({ from: server, to: client, fromPort: 53, toPort: 5000 + i, payload }));
      this.grid.settle();
    }
  }

  /** Kills the node of the second stage that emitted last. */
  kill(): NodeRef {
    const victim = this.grid.taps.findLast(({ kind, from }) => kind === 'sent' && clusterOf(from) === 2)!.from;
    this.look();
    this.checker.observeDeath(victim);
    this.dead.add(victim);
    this.grid.kill(victim);
    return victim;
  }

  detected(node: NodeRef): void {
    const life = { cluster: clusterOf(node), node: nodeOf(node), incarnation: 1 };
    this.commit({ type: 'NodeFailed', v: 1, data: { ...life, lastSeen: 0, detectedAt: 0, fnodeFreeAt: 0 } });
  }

  verdicts(): Verdicts {
    this.grid.settle();
    this.look();
    for (const [ref, events] of this.grid.events) {
      for (const event of events) this.checker.observeFlowEvent(chainId(ref, 1), event);
    }
    const statistics = (ref: NodeRef): NodeStatistics => this.grid.group(ref).statistics(ref);
    return this.checker.verdicts({
      nodes: this.refs.filter((ref) => !this.dead.has(ref)).map(statistics),
      dead: [...this.dead].map(statistics),
    });
  }

  private look(): void {
    for (const record of this.grid.taps.splice(0)) this.checker.observe(record);
  }

  private commit(event: TopologyEvent): void {
    const header = { seq: 1, prev: '', epoch: 1, commandId: 'c', at: 0, by: 'operator:test', cause: 0, corr: 'c' };
    this.checker.observeCommit({ ...header, events: [event] });
  }
}

describe('the checker beside the real dataplane', () => {
  it.each(['centralized', 'distributed'] as const)('finds nothing wrong without a failure (%s)', (selection) => {
    const watched = new Watched('backup', selection);
    for (let i = 0; i < 5; i++) watched.exchange();
    watched.grid.beats(8);
    const verdicts = watched.verdicts();
    for (const name of LIVES) expect([name, verdicts[name]]).toEqual([name, 'held']);
  });

  it.each(['centralized', 'distributed'] as const)('finds nothing wrong over a takeover (%s)', (selection) => {
    const watched = new Watched('backup', selection);
    for (let i = 0; i < 3; i++) watched.exchange();
    watched.grid.beat();
    const victim = watched.kill();
    for (let i = 0; i < 3; i++) watched.exchange();
    watched.grid.beats(8);
    watched.detected(victim);
    for (let i = 0; i < 3; i++) watched.exchange();
    watched.grid.beats(8);
    const verdicts = watched.verdicts();
    for (const name of LIVES) expect([name, verdicts[name]]).toEqual([name, 'held']);
    const toll = watched.checker.figures().tolls.get(victim);
    expect(toll?.lost).toBe(0);
    expect(toll?.recovered).toBeGreaterThan(0);
  });

  it.each(['redirect', 'discard'] as const)(
    'counts what a %s costs, and finds no invariant broken by it',
    (failure) => {
      const watched = new Watched(failure);
      for (let i = 0; i < 3; i++) watched.exchange();
      watched.grid.beat();
      const victim = watched.kill();
      for (let i = 0; i < 3; i++) watched.exchange();
      watched.grid.beats(8);
      watched.detected(victim);
      for (let i = 0; i < 3; i++) watched.exchange();
      watched.grid.beats(8);
      const verdicts = watched.verdicts();
      for (const name of LIVES) expect([name, verdicts[name]]).toEqual([name, 'held']);
      expect(watched.checker.figures().tolls.get(victim)?.lost).toBeGreaterThan(0);
    },
  );
});
