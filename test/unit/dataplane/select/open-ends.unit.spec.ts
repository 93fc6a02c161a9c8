import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { DEFAULT_TIMING, type LinkMember, type TopologyLink } from '../../../../domain/topology/topology';
import { Obituary } from '../../../../dataplane/select/liveness';
import { emitterFor, hashedNode, successorOf } from '../../../../dataplane/select/route';
import { RendezvousTables, TopologyView } from '../../../../dataplane/select/topology-view';
import { cluster } from '../node/test-grid';

const IA = 1;
const AB = 2;
const IC = 3;
const FLOWS = 300;
const [IA1, IA2, AB1, AB2, AB3, IC1] = [
  [IA, 1],
  [IA, 2],
  [AB, 1],
  [AB, 2],
  [AB, 3],
  [IC, 1],
].map(([id, node]) => nodeRef(id!, node!)) as [NodeRef, NodeRef, NodeRef, NodeRef, NodeRef, NodeRef];

const member = (ref: NodeRef): LinkMember => ({ cluster: ref >>> 7, node: ref & 127 });

function resilient(nodes: readonly NodeRef[], connected?: 'standby'): Partial<TopologyLink> {
  return { kind: 'resilient', members: nodes.map(member), ...(connected === undefined ? {} : { connected }) };
}

function joins(...members: readonly LinkMember[]): Partial<TopologyLink> {
  return { kind: 'switch', members };
}

/** Two INODEs at IA, so many nodes of AB, one at IC, and these links. */
function view(nodes: number, ...links: readonly Partial<TopologyLink>[]): TopologyView {
  const whole = links.map((parts, n) => ({ id: n + 1, name: `VN-${n + 1}`, control: false, mtu: 1600, ...parts }));
  return new TopologyView(
    {
      seq: 1,
      hash: '',
      dead: [],
      topology: {
        grid: 'ends',
        version: 1,
        wireId: 1,
        seed: 3,
        selection: 'centralized',
        timing: DEFAULT_TIMING,
        networks: [],
        clusters: [
          cluster(IA, 2, { role: 'inode' }),
          cluster(AB, nodes, { failure: 'backup' }),
          cluster(IC, 1, { role: 'inode' }),
        ],
        links: whole as TopologyLink[],
        paths: [],
        policies: [],
      },
    },
    new RendezvousTables(),
  );
}

/** Whom flows get in AB that come from one node and go on to a cluster, each once and in order. */
function chosen(topology: TopologyView, dead: Obituary, before: NodeRef, after: NodeRef = nodeRef(IC, 0)): NodeRef[] {
  const found = new Set<NodeRef>();
  for (let flow = 1; flow < FLOWS; flow++) found.add(hashedNode(topology, AB, flow, dead, before, after));
  return [...found].sort((a, b) => a - b);
}

function died(...refs: readonly NodeRef[]): Obituary {
  const dead = new Obituary();
  for (const ref of refs) dead.record(ref, 1);
  return dead;
}

describe('ends of resilient links', () => {
  const figure = (connected?: 'standby'): TopologyView =>
    view(2, resilient([IA1, AB1, AB2], connected), resilient([IC1, AB1, AB2], connected));

  it('FG-518: new flows get the end that is connected, the other one as soon as that is found dead, and somebody always', () => {
    for (const before of [IA1, nodeRef(IA, 0), 0]) {
      expect(chosen(figure(), died(), before)).toEqual([AB1]);
      expect(chosen(figure('standby'), died(), before)).toEqual([AB2]);
      expect(chosen(figure(), died(AB1), before)).toEqual([AB2]);
      expect(chosen(figure('standby'), died(AB2), before)).toEqual([AB1]);
      expect(chosen(figure(), died(AB2), before)).toEqual([AB1]);
    }
    expect(chosen(figure(), died(), 0, 0)).toEqual([AB1]);
    expect(chosen(figure(), died(AB1, AB2), IA1)).toEqual([0]);
    // Ends that do not agree leave no way through: then it is as if both were open.
    const crossed = view(2, resilient([IA1, AB1, AB2]), resilient([IC1, AB1, AB2], 'standby'));
    expect(chosen(crossed, died(), IA1)).toEqual([AB1, AB2]);
  });

  it('FG-518: the far side counts too, and a link beside the resilient one keeps its end open', () => {
    const far = view(2, joins({ cluster: IA }, { cluster: AB }), resilient([IC1, AB1, AB2]));
    expect(chosen(far, died(), IA1)).toEqual([AB1]);
    expect(chosen(far, died(AB1), IA1)).toEqual([AB2]);
    const beside = view(
      2,
      resilient([IA1, AB1, AB2]),
      joins(member(IA1), member(AB2)),
      joins({ cluster: AB }, { cluster: IC }),
    );
    expect(chosen(beside, died(), IA1)).toEqual([AB1, AB2]);
    const control = view(2, resilient([IA1, AB1, AB2]), { ...joins({ cluster: IA }, { cluster: AB }), control: true });
    expect(chosen(control, died(), IA1)).toEqual([AB1]);
  });

  it('FG-518: two roots whose ends stand by for each other each have their own', () => {
    const crosswise = view(
      2,
      resilient([IA1, AB1, AB2]),
      resilient([IA2, AB2, AB1]),
      joins({ cluster: AB }, { cluster: IC }),
    );
    expect(chosen(crosswise, died(), IA1)).toEqual([AB1]);
    expect(chosen(crosswise, died(), IA2)).toEqual([AB2]);
    expect(chosen(crosswise, died(AB1), IA1)).toEqual([AB2]);
    expect(chosen(crosswise, died(), nodeRef(IA, 0))).toEqual([AB1, AB2]);
  });

  it('FG-518: who stands by is the heir of the end that is connected, of others only if nobody else is left', () => {
    const three = view(
      3,
      resilient([IA1, AB1, AB2]),
      resilient([IC1, AB1, AB2]),
      joins(member(IA1), member(AB3)),
      joins(member(IC1), member(AB3)),
    );
    const heirs = (of: NodeRef, dead: Obituary): NodeRef[] => {
      const found = new Set<NodeRef>();
      for (let flow = 1; flow < FLOWS; flow++) found.add(successorOf(three, of, flow, dead));
      return [...found].sort((a, b) => a - b);
    };
    expect(chosen(three, died(), IA1)).toEqual([AB1, AB3]);
    expect(heirs(AB1, died())).toEqual([AB2, AB3]);
    expect(heirs(AB3, died())).toEqual([AB1]);
    expect(heirs(AB3, died(AB1))).toEqual([AB2]);
    for (let flow = 1; flow < FLOWS; flow++) expect(successorOf(figure(), AB1, flow, died())).toBe(AB2);
  });

  it('FG-518: whoever shadows a flow is who takes it over, whatever ends its death leaves connected', () => {
    const all = [
      figure(),
      figure('standby'),
      view(3, resilient([IA1, AB1, AB2]), resilient([IC1, AB1, AB2]), joins({ cluster: IA }, member(AB3))),
      view(4, resilient([IA1, AB1, AB2]), resilient([IA2, AB3, nodeRef(AB, 4)], 'standby')),
      view(3, resilient([IA1, AB1, AB2]), resilient([IA2, AB2, AB3]), resilient([IC1, AB3, AB1])),
    ];
    for (const topology of all) {
      const members = topology.cluster(AB).members.map(({ node }) => nodeRef(AB, node));
      for (const other of [[], ...members.map((ref) => [ref])]) {
        for (const ref of members.filter((each) => !other.includes(each))) {
          for (let flow = 1; flow < 60; flow++) {
            const shadow = successorOf(topology, ref, flow, died(...other));
            expect(emitterFor(topology, AB, ref, flow, died(...other, ref))).toBe(shadow);
          }
        }
      }
    }
  });
});
