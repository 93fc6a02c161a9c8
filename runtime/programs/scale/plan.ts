import { FlowgridError } from '../../../domain/base/errors';
import type { ClusterAnswer, MemberAnswer } from '../../control/workflow-requests';

/** Who joins a cluster or leaves it. */
export interface ScalePlan {
  readonly verdict: 'out' | 'in';
  /** None: the cluster has the wanted size already, or is about to. */
  readonly nodes: readonly ScaledNode[];
}

/** Node 0: whichever spare is free by then, or one in the room of an agent. */
export type ScaledNode = Pick<MemberAnswer, 'node' | 'weight'>;

/** There are not as many spares, and not as much room, as the wanted size needs. */
export interface NoSpare {
  readonly missing: number;
  readonly spares: number;
}

const WHICHEVER: ScaledNode = { node: 0, weight: 1 };

/**
 * The nodes by which a cluster gets to a size: those that are named, then spares from the lowest ID on, or members from the
 * highest. Nodes that are about to join count as members. Where spares are too few and none is named, agents' room does.
 *
 * @throws FlowgridError `usage` for a named node that cannot join or leave, or that is one too many.
 */
export function planScale(cluster: ClusterAnswer, to: number, named: readonly string[]): ScalePlan | NoSpare {
  const { serving, joining, spares, room } = cluster;
  const count = to - (serving.length + joining.length);
  const verdict = count < 0 ? 'in' : 'out';
  const candidates = verdict === 'out' ? spares : [...serving].reverse();
  const chosen = named.map((name) => candidateOf(cluster, candidates, name, verdict));
  const size = Math.abs(count);
  if (new Set(chosen).size > size) {
    throw new FlowgridError(
      'usage',
      `${cluster.name} needs ${size} nodes ${WAYS[verdict]}, ${chosen.length} are named`,
      {
        remedy: `it has ${serving.length + joining.length} now, ${to} are wanted`,
      },
    );
  }
  const rest = candidates.filter((candidate) => !chosen.includes(candidate));
  const nodes = [...new Set(chosen), ...rest].slice(0, size);
  const missing = size - nodes.length;
  if (missing === 0) return { verdict, nodes };
  // All of them whichever: one that takes any spare must not take that of another.
  if (verdict === 'out' && named.length === 0 && missing <= room)
    return { verdict, nodes: Array(size).fill(WHICHEVER) };
  return { missing, spares: spares.length };
}

const WAYS = { out: 'to join', in: 'to leave' } as const;

function candidateOf(
  { name: cluster }: ClusterAnswer,
  candidates: readonly MemberAnswer[],
  named: string,
  verdict: 'out' | 'in',
): MemberAnswer {
  const found = candidates.find(({ name, node }) => name === named || String(node) === named);
  if (found !== undefined) return found;
  const which = candidates.map(({ name }) => name).join(', ');
  throw new FlowgridError(
    'usage',
    `${named} is no ${verdict === 'out' ? 'spare' : 'member'} of ${cluster} that is free ${WAYS[verdict]}`,
    { remedy: which === '' ? 'there is none' : `there are ${which}` },
  );
}
