import type { ClusterAnswer, MemberAnswer } from '../../../../../runtime/control/workflow-requests';
import { planScale } from '../../../../../runtime/programs/scale/plan';

function members(...ids: readonly number[]): MemberAnswer[] {
  return ids.map((node) => ({ node, name: `AB-${node}`, weight: 1, status: 'active' }));
}

/** AB with members 1–3, and these spares. */
function cluster(spares: readonly MemberAnswer[], more: Partial<ClusterAnswer> = {}): ClusterAnswer {
  return { cluster: 2, name: 'AB', now: 0, serving: members(1, 2, 3), joining: [], spares, room: 0, ...more };
}

function nodes(answer: ClusterAnswer, to: number, ...named: readonly string[]): unknown {
  const plan = planScale(answer, to, named);
  return 'missing' in plan ? plan : [plan.verdict, ...plan.nodes.map(({ node }) => node)];
}

describe('FG-367: the nodes by which a cluster gets to a size', () => {
  it('are spares from the lowest ID, or members from the highest', () => {
    expect(nodes(cluster(members(4, 5)), 4)).toEqual(['out', 4]);
    expect(nodes(cluster(members(4, 5)), 5)).toEqual(['out', 4, 5]);
    expect(nodes(cluster(members(4)), 1)).toEqual(['in', 3, 2]);
    expect(nodes(cluster(members(4)), 3)).toEqual(['out']);
  });

  it('are those that were named first, by name or ID', () => {
    expect(nodes(cluster(members(4, 5, 6)), 5, 'AB-6')).toEqual(['out', 6, 4]);
    expect(nodes(cluster(members(4)), 2, '1')).toEqual(['in', 1]);
  });

  it('refuses names that cannot join or leave, and more than are needed', () => {
    expect(() => nodes(cluster(members(4)), 4, 'AB-1')).toThrow('AB-1 is no spare of AB that is free to join');
    expect(() => nodes(cluster(members(4)), 2, 'AB-4')).toThrow('AB-4 is no member of AB that is free to leave');
    expect(() => nodes(cluster(members(4, 5)), 4, 'AB-4', 'AB-5')).toThrow('AB needs 1 nodes to join, 2 are named');
  });

  it('count those that are on their way', () => {
    expect(nodes(cluster(members(5), { joining: members(4) }), 4)).toEqual(['out']);
    expect(nodes(cluster(members(5), { joining: members(4) }), 5)).toEqual(['out', 5]);
  });

  it('are whichever come first where spares are too few and agents have room', () => {
    expect(nodes(cluster(members(4), { room: 1 }), 5)).toEqual(['out', 0, 0]);
    expect(nodes(cluster(members(4), { room: 1 }), 5, 'AB-4')).toEqual({ missing: 1, spares: 1 });
  });

  it('are missing when there is neither', () => {
    expect(nodes(cluster([]), 4)).toEqual({ missing: 1, spares: 0 });
    expect(nodes(cluster(members(4), { room: 1 }), 6)).toEqual({ missing: 2, spares: 1 });
  });
});
