import * as fc from 'fast-check';
import { applyChanges, changesBetween, composed, wholeAsChanges } from '../../../../domain/topology/changes';
import type { TopologyContent } from '../../../../domain/topology/content';
import { evolveTopology } from '../../../../domain/topology/evolve';
import type { TopologyLifeEvent } from '../../../../domain/topology/events';
import { NO_TOPOLOGY, wholeTopologies, wholeTopology } from '../../../../domain/topology/state';
import { DEFAULT_TIMING, type Topology, type TopologyCluster } from '../../../../domain/topology/topology';
import { topologyUpcasters } from '../../../../runtime/control/upcasters';

/** Some of few IDs, in their order, each with one of few contents: parts come, change and go. */
const chosen = fc
  .uniqueArray(fc.record({ id: fc.integer({ min: 1, max: 6 }), kind: fc.nat(2) }), { selector: ({ id }) => id })
  .map((parts) => parts.toSorted((a, b) => a.id - b.id));

const contents: fc.Arbitrary<TopologyContent> = fc
  .record({ clusters: chosen, links: chosen, paths: chosen, policies: chosen, helloMs: fc.constantFrom(10, 20) })
  .map(({ clusters, links, paths, policies, helloMs }) => ({
    grid: 'g',
    seed: 1,
    selection: 'centralized',
    timing: { ...DEFAULT_TIMING, helloMs },
    networks: [{ id: 1, name: 'EN-1', cluster: 1, tagged: false }],
    clusters: clusters.map(({ id, kind }): TopologyCluster => ({
      id,
      name: `C${id}`,
      role: 'anode',
      failure: 'backup',
      selector: 'hash',
      mode: 'through',
      whenEmpty: 'drop',
      function: { name: 'pass', config: {} },
      members: Array.from({ length: kind }, (_, i) => ({ node: i + 1, incarnation: 1, weight: 1, state: 'active' })),
    })),
    links: links.map(({ id, kind }) => ({
      id,
      name: `VN-${id}`,
      kind: 'switch',
      members: [{ cluster: kind }],
      control: false,
      mtu: 1500,
    })),
    paths: paths.map(({ id, kind }) => ({ id, name: `p${id}`, from: [1], to: 2, clusters: [1, 2, kind] })),
    policies: policies.map(({ id, kind }) => ({
      id,
      name: `q${id}`,
      flowType: id,
      typeName: 't',
      match: { proto: [kind] },
      paths: ['p1'],
      criteria: 'static',
    })),
  }));

const numbered = (content: TopologyContent, version: number): Topology => ({ ...content, version, wireId: version });

describe('what changes from one topology to the next', () => {
  test('FG-212: changes, applied to what they were made from, make the whole', () => {
    fc.assert(
      fc.property(contents, contents, (one, other) => {
        const before = numbered(one, 1);
        const changes = changesBetween(before, other);
        expect(applyChanges(before, changes, 2, 2)).toEqual(numbered(other, 2));
        expect(applyChanges(before, wholeAsChanges(other), 2, 2)).toEqual(numbered(other, 2));
      }),
    );
  });

  test('changes in one are those made one after the other', () => {
    fc.assert(
      fc.property(contents, contents, contents, (a, b, c) => {
        const [first, second] = [numbered(a, 1), numbered(b, 2)];
        const both = composed(changesBetween(first, b), changesBetween(second, c));
        expect(applyChanges(first, both, 3, 3)).toEqual(numbered(c, 3));
      }),
    );
  });

  test('FG-212: only the cluster that changed is recorded, and all else stays the same object', () => {
    fc.assert(
      fc.property(contents, fc.nat(), (content, pick) => {
        fc.pre(content.clusters.length > 0);
        const changed = pick % content.clusters.length;
        const clusters = content.clusters.map((each, i) => (i === changed ? { ...each, name: 'changed' } : each));
        const before = numbered(content, 1);
        const changes = changesBetween(before, { ...content, clusters });
        expect(changes).toEqual({ base: 1, clusters: { set: [clusters[changed]], gone: [] } });
        const after = applyChanges(before, changes, 2, 2);
        after.clusters.forEach((each, i) => expect(each === before.clusters[i]).toBe(i !== changed));
        expect(after.links).toBe(before.links);
      }),
    );
  });

  test('FG-213: every live topology is found whole, whichever were published as changes or whole, and whichever retired', () => {
    const step = fc.record({ content: contents, isWhole: fc.boolean(), retire: fc.option(fc.nat(9)) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        let state = NO_TOPOLOGY;
        let live: Topology[] = [];
        steps.forEach(({ content, isWhole, retire }, i) => {
          const topology = numbered(content, i + 1);
          state = evolveTopology(state, published(state.latest, topology, isWhole), i, i);
          live.push(topology);
          const version = retire === null ? undefined : live[retire % live.length]?.version;
          if (version !== undefined && version !== topology.version) {
            const data = { version, wireId: version, freeAt: 0 };
            state = evolveTopology(state, { type: 'TopologyRetired', v: 1, data }, i, i);
            live = live.filter((each) => each.version !== version);
          }
          // As it comes out of a snapshot.
          state = JSON.parse(JSON.stringify(state)) as typeof state;
          expect([...wholeTopologies(state)]).toEqual(live.toReversed());
          for (const each of live) expect(wholeTopology(state, each.version)).toEqual(each);
        });
      }),
    );
  });

  test('changes that were made to another version are refused', () => {
    const content = fc.sample(contents, { numRuns: 1, seed: 1 })[0]!;
    const changes = changesBetween(numbered(content, 1), content);
    expect(() => applyChanges(numbered(content, 2), changes, 3, 3)).toThrow('changes version 1, not 2');
    expect(() => applyChanges(null, changes, 3, 3)).toThrow('changes version 1, not 0');
  });
});

/** As this program records it, or as one did that recorded topologies whole. */
function published(latest: Topology | null, topology: Topology, isWhole: boolean): TopologyLifeEvent {
  const { version, wireId } = topology;
  const { version: _, wireId: __, ...content } = topology;
  const now = { version, wireId, changes: changesBetween(latest, content), dead: [] };
  if (!isWhole) return { type: 'TopologyPublished', v: 2, data: now };
  const data = { version, wireId, topology, dead: [] };
  return topologyUpcasters().event({ type: 'TopologyPublished', v: 1, data }) as TopologyLifeEvent;
}
