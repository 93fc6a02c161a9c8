import { sha256 } from '../../../../adapters/codec/hash';
import type { AgentReport } from '../../../../adapters/codec/agent-messages';
import { interfacesText, liveInterfaces } from '../../../../domain/link/live-interfaces';
import { wholeTopologies } from '../../../../domain/topology/state';
import { LinkWatch } from '../../../../runtime/control/link-watch';
import { and } from '../../domain/given';
import { link, linkGrid } from '../../domain/link/link-grid';

const A1 = { cluster: 1, node: 1 };
const [B1, B2] = [
  { cluster: 2, node: 1, incarnation: 1 },
  { cluster: 2, node: 2, incarnation: 1 },
];
const OFFER = { address: 'lan/eth1', capacity: 8, functions: ['pass'], networks: [], pinned: [] };

/** A resilient link whose ends are alive, and an agent. */
function grid(): ReturnType<typeof linkGrid> {
  const members = [A1, B1, B2].map(({ cluster, node }) => ({ cluster, node }));
  return and(
    linkGrid(),
    { type: 'CreateVirtualLink', data: link({ kind: 'resilient', members }) },
    ...[{ ...A1, incarnation: 1 }, B1, B2].flatMap((life) => [
      { type: 'ConfigureNode', data: { cluster: life.cluster, node: life.node, weight: 1 } } as const,
      { type: 'ActivateNode', data: life } as const,
    ]),
    { type: 'RegisterAgent', data: { agent: 'h1', life: 1, ...OFFER } },
    { type: 'PublishTopology', data: {} },
  );
}

describe('what agents on a LAN have, against what they should have', () => {
  it('FG-578: the end that is open is the one that is, as far as the agent knows', () => {
    const state = grid();
    const watch = new LinkWatch();
    const live = [...wholeTopologies(state.topology)];
    const afterDeath = liveInterfaces(live, [A1, B2], (node) => node.node === B1.node && node.cluster === B1.cluster);
    const isRight = (dead: AgentReport['dead'], interfaces = afterDeath): boolean => {
      const links = { count: interfaces.length, digest: sha256(interfacesText(interfaces)) };
      watch.report('h1', { nodes: [{ ...A1, incarnation: 1 }, B2], done: [], dead, links } as unknown as AgentReport);
      return watch.standing(state)[0]!.isRight;
    };
    expect(isRight([B1])).toBe(true);
    expect(isRight([])).toBe(false);
    expect(isRight([B1], liveInterfaces(live, [A1, B2]))).toBe(false);
    expect(isRight([], liveInterfaces(live, [A1, B2]))).toBe(true);
  });

  it('FG-578: agents that are reached by UDP, or that nobody knows, are not told of', () => {
    const watch = new LinkWatch();
    watch.report('h1', { nodes: [], done: [], dead: [] } as unknown as AgentReport);
    expect(watch.standing(grid())).toEqual([]);
    const links = { count: 0, digest: sha256('[]') };
    watch.report('h1', { nodes: [], done: [], dead: [], links } as unknown as AgentReport);
    watch.report('h2', { nodes: [], done: [], dead: [], links } as unknown as AgentReport);
    expect(watch.standing(grid())).toEqual([{ agent: 'h1', installed: 0, desired: 0, isRight: true }]);
  });
});
