import { nodeRef } from '../../../../domain/base/ids';
import { DEFAULT_TIMING, type PublishedTopology, type TopologyCluster } from '../../../../domain/topology/topology';
import { Obituary } from '../../../../dataplane/select/liveness';
import { choosePath, itinerary, pathOf } from '../../../../dataplane/select/path-policy';
import { emitterFor, hashedNode, shadowFor, successorOf } from '../../../../dataplane/select/route';
import { RendezvousTables, TopologyView } from '../../../../dataplane/select/topology-view';
import { cluster } from '../node/test-grid';

function published(clusters: readonly TopologyCluster[], version = 1): PublishedTopology {
  return {
    seq: version,
    hash: '',
    dead: [],
    topology: {
      grid: 'test',
      version,
      wireId: version,
      seed: 5,
      selection: 'centralized',
      timing: DEFAULT_TIMING,
      networks: [
        { id: 1, name: 'EN-1', cluster: 1, tagged: false },
        { id: 4, name: 'EN-4', cluster: 4, tagged: false },
      ],
      clusters,
      links: [
        { id: 1, name: 'VN-1', kind: 'switch', members: [{ cluster: 1 }, { cluster: 2 }], control: false, mtu: 1600 },
        { id: 2, name: 'VN-2', kind: 'switch', members: [{ cluster: 2 }, { cluster: 3 }], control: false, mtu: 1600 },
        { id: 5, name: 'VN-5', kind: 'switch', members: [{ cluster: 1 }, { cluster: 3 }], control: true, mtu: 1600 },
      ],
      paths: [
        { id: 1, name: 'long', from: [1], to: 4, clusters: [1, 2, 3, 4] },
        { id: 2, name: 'short', from: [1], to: 4, clusters: [1, 3, 4] },
      ],
      policies: [
        {
          id: 1,
          name: 'any',
          flowType: 7,
          typeName: 'any',
          match: {},
          paths: ['long', 'short'],
          criteria: 'least-loaded',
        },
      ],
    },
  };
}

const CLUSTERS = [
  cluster(1, 1, { role: 'inode' }),
  cluster(2, 4, { failure: 'backup' }),
  cluster(3, 3, { failure: 'discard' }),
  cluster(4, 1, { role: 'inode' }),
];

function view(clusters = CLUSTERS, version = 1, tables = new RendezvousTables()): TopologyView {
  return new TopologyView(published(clusters, version), tables);
}

describe('selection', () => {
  test('a dead emitter’s flows go to its shadow, whose shadow is the next in order', () => {
    const topology = view();
    for (let flow = 1; flow < 200; flow++) {
      const dead = new Obituary();
      const primary = hashedNode(topology, 2, flow, dead);
      const shadow = shadowFor(topology, primary, flow, dead);
      expect(shadow).not.toBe(primary);
      dead.record(primary, 1);
      expect(emitterFor(topology, 2, primary, flow, dead)).toBe(shadow);
      expect(hashedNode(topology, 2, flow, dead)).toBe(shadow);
      const next = shadowFor(topology, shadow, flow, dead);
      expect([primary, shadow]).not.toContain(next);
      dead.record(shadow, 1);
      expect(hashedNode(topology, 2, flow, dead)).toBe(next);
    }
  });

  test('discard names nobody for a flow whose node died, and has no shadows', () => {
    const topology = view();
    const dead = new Obituary();
    const primary = hashedNode(topology, 3, 77, dead);
    expect(shadowFor(topology, primary, 77, dead)).toBe(0);
    dead.record(primary, 1);
    expect(emitterFor(topology, 3, primary, 77, dead)).toBe(0);
    expect(emitterFor(topology, 3, 0, 77, dead)).not.toBe(0);
  });

  test('a later incarnation is alive to later topologies only', () => {
    const dead = new Obituary();
    dead.record(nodeRef(2, 1), 1);
    const later = CLUSTERS.map((each) =>
      each.id === 2
        ? { ...each, members: each.members.map((m) => (m.node === 1 ? { ...m, incarnation: 2 } : m)) }
        : each,
    );
    expect(dead.isDeadIn(view(), nodeRef(2, 1))).toBe(true);
    expect(dead.isDeadIn(view(later, 2), nodeRef(2, 1))).toBe(false);
    expect(dead.record(nodeRef(2, 1), 1)).toBe(false);
  });

  test('with nobody else left there is no successor', () => {
    const dead = new Obituary();
    for (const node of [1, 2, 3]) dead.record(nodeRef(2, node), 1);
    expect(successorOf(view(), nodeRef(2, 4), 9, dead)).toBe(0);
    expect(emitterFor(view(), 2, nodeRef(2, 1), 9, dead)).toBe(nodeRef(2, 4));
  });

  test('draining members get no new flows', () => {
    const draining = CLUSTERS.map((each) =>
      each.id === 2
        ? { ...each, members: each.members.map((m) => (m.node === 2 ? { ...m, state: 'draining' as const } : m)) }
        : each,
    );
    const topology = view(draining);
    const dead = new Obituary();
    for (let flow = 1; flow < 300; flow++) {
      const primary = hashedNode(topology, 2, flow, dead);
      expect([primary, shadowFor(topology, primary, flow, dead)]).not.toContain(nodeRef(2, 2));
    }
  });
});

describe('topologies', () => {
  test('versions share the tables of clusters whose members did not change', () => {
    const tables = new RendezvousTables();
    const one = view(CLUSTERS, 1, tables);
    const grown = CLUSTERS.map((each) => (each.id === 2 ? cluster(2, 5, { failure: 'backup' }) : each));
    const two = view(grown, 2, tables);
    expect(two.table(3)).toBe(one.table(3));
    expect(two.table(2)).not.toBe(one.table(2));
    expect(tables.size).toBe(3);
    tables.keepOnly(new Set(two.derivedTables()));
    expect(tables.size).toBe(2);
  });

  test('links: data takes no control link, control frames take one where there is no other', () => {
    const topology = view();
    expect(topology.linkBetween(nodeRef(1, 1), nodeRef(2, 3), false)?.id).toBe(1);
    expect(topology.linkBetween(nodeRef(1, 1), nodeRef(3, 1), false)).toBeUndefined();
    expect(topology.linkBetween(nodeRef(1, 1), nodeRef(3, 1), true)?.id).toBe(5);
    expect(topology.neighbours(nodeRef(3, 1))).toEqual(
      [1, 2, 3, 4].map((n) => nodeRef(2, n)).concat([2, 3].map((n) => nodeRef(3, n))),
    );
  });
});

describe('path assignment', () => {
  const flows = (load: readonly number[]): { flows(path: number): number; latencyUs(path: number): number } => ({
    flows: (path) => load[path - 1],
    latencyUs: () => 0,
  });

  test('takes the least loaded of the policy’s paths, the first on a tie, none for a strange network', () => {
    const topology = view();
    const [policy] = topology.topology.policies;
    expect(choosePath(topology, policy, 1, flows([3, 2]))?.name).toBe('short');
    expect(choosePath(topology, policy, 1, flows([2, 2]))?.name).toBe('long');
    expect(choosePath(topology, { ...policy, criteria: 'static' }, 1, flows([3, 2]))?.name).toBe('long');
    expect(choosePath(topology, policy, 9, flows([0, 0]))).toBeUndefined();
  });

  test('modes and empty clusters shorten the path or end it', () => {
    const change = (more: Partial<TopologyCluster>): TopologyView =>
      view(CLUSTERS.map((each) => (each.id === 2 ? { ...each, ...more } : each)));
    const of = (topology: TopologyView, dead = new Obituary()): unknown =>
      itinerary(topology, topology.topology.paths[0], dead);
    expect(of(view())).toEqual({ ok: true, clusters: [1, 2, 3, 4] });
    expect(of(change({ mode: 'bypass' }))).toEqual({ ok: true, clusters: [1, 3, 4] });
    expect(of(change({ mode: 'drop' }))).toEqual({ ok: false, reason: 'cluster-drop', cluster: 2 });
    const dead = new Obituary();
    for (const node of [1, 2, 3, 4]) dead.record(nodeRef(2, node), 1);
    expect(of(change({ whenEmpty: 'bypass' }), dead)).toEqual({ ok: true, clusters: [1, 3, 4] });
    expect(of(change({ whenEmpty: 'drop' }), dead)).toEqual({ ok: false, reason: 'no-member', cluster: 2 });
  });

  test('the far end finds the path again, also where it was shortened', () => {
    expect(pathOf(view(), 7, [1, 2, 3, 4])?.name).toBe('long');
    expect(pathOf(view(), 7, [1, 3, 4])?.name).toBe('long');
    expect(pathOf(view(), 7, [1, 4, 3])).toBeUndefined();
  });
});
