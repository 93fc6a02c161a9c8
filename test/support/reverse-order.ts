import { clusterOf, nodeOf, nodeRef, type NodeRef } from '../../domain/base/ids';
import { DescriptorReader, senderByMac } from '../../projections/verdicts/descriptor-reader';
import { readCaptureFile } from './capture-file';

/** One frame on one internal link, as its descriptor and its source MAC tell. */
export interface Hop {
  readonly flow: number;
  readonly reverse: boolean;
  readonly sequence: number;
  /** Clusters that its descriptor lists, in the order of travel. */
  readonly path: readonly number[];
  /** Nodes of those at its beginning that have processed it. */
  readonly visited: readonly NodeRef[];
  readonly sender: NodeRef;
}

/** What {@link judgeReverse} found. */
export interface ReverseOrder {
  /** What is wrong, in words. */
  readonly wrong: readonly string[];
  /** Reverse frames that were judged, and those of them that went by a node which had taken their flow over. */
  readonly reverseFrames: number;
  readonly byHeirs: number;
}

/**
 * Frames that travelled from one stage to the next, from a `--internal-out` file. Left out: control frames, replicas,
 * frames that were emitted without a number, and copies between the members of one cluster.
 */
export function readHops(internalOut: string): Hop[] {
  const reader = new DescriptorReader();
  const hops: Hop[] = [];
  for (const { bytes } of readCaptureFile(internalOut).frames) {
    const flaw = reader.read(bytes);
    if (flaw !== 'none') throw new Error(`a frame on an internal link has no descriptor: its ${flaw} is wrong`);
    if (reader.flowType === 0 || reader.isReplica || reader.sequence === 0) continue;
    const { flow, isReverse: reverse, sequence, count } = reader;
    const places = Array.from({ length: count }, (_, at) => at);
    const visited = places.filter((at) => reader.isProcessed(at)).map((at) => reader.nodeAt(at));
    const path = places.map((at) => reader.clusterAt(at));
    // The destination's MAC has the cluster where the sender's has it.
    const isBeside = bytes[4] === bytes[10];
    if (!isBeside) hops.push({ flow, reverse, sequence, path, visited, sender: senderByMac(bytes) });
  }
  return hops;
}

/**
 * Whether reverse frames visit the nodes of the forward frames in reverse (FG-71, FG-223), judged against the route in
 * force: at each cluster one node, for both directions, until it is killed, and from then on one heir. `killed`: the
 * nodes that were killed, in that order.
 */
export function judgeReverse(hops: readonly Hop[], killed: readonly NodeRef[]): ReverseOrder {
  const wrong: string[] = [];
  const reverse = new Set<string>();
  const byHeirs = new Set<string>();
  for (const [flow, own] of grouped(hops, (hop) => hop.flow)) {
    const name = `flow ${flow.toString(16)}`;
    const forwardPath = own.find((hop) => !hop.reverse)?.path ?? [];
    for (const hop of own) {
      const expected = hop.reverse ? [...forwardPath].reverse() : forwardPath;
      if (forwardPath.length > 0 && hop.path.join() !== expected.join()) wrong.push(`${name} takes ${hop.path.join()}`);
      if (hop.visited.some((node, at) => clusterOf(node) !== hop.path[at])) wrong.push(`${name} leaves out a cluster`);
      if (hop.visited.at(-1) !== hop.sender) wrong.push(`${name} names another node than the one that sent it`);
      if (hop.reverse) reverse.add(`${flow} ${hop.sequence}`);
    }
    for (const [cluster, there] of grouped(own, (hop) => clusterOf(hop.sender))) {
      wrong.push(...judgeCluster(there, killed).map((what) => `${name} in cluster ${cluster} ${what}`));
      const dead = there.filter(({ sender }) => killed.includes(sender));
      if (dead.length === 0) continue;
      for (const { reverse: back, sender, sequence } of there)
        if (back && !dead.some((hop) => hop.sender === sender)) byHeirs.add(`${flow} ${sequence}`);
    }
  }
  return { wrong: [...new Set(wrong)], reverseFrames: reverse.size, byHeirs: byHeirs.size };
}

/** The hops that left one cluster for one flow: nodes follow each other as they die, in both directions alike. */
function judgeCluster(hops: readonly Hop[], killed: readonly NodeRef[]): string[] {
  const age = (node: NodeRef): number => (killed.includes(node) ? killed.indexOf(node) : killed.length);
  const survivors = new Set(hops.map(({ sender }) => sender).filter((sender) => !killed.includes(sender)));
  const wrong = survivors.size > 1 ? [`goes by ${[...survivors].map(nodeText).join(' and ')}`] : [];
  for (const [reverse, own] of grouped(hops, (hop) => hop.reverse)) {
    let latest = 0;
    for (const [sequence, same] of [...grouped(own, (hop) => hop.sequence)].sort(([a], [b]) => a - b)) {
      // What an heir emits again its predecessor may have sent.
      const ages = same.map(({ sender }) => age(sender));
      if (Math.max(...ages) < latest)
        wrong.push(`goes back to a dead node with ${reverse ? 'reverse ' : ''}${sequence}`);
      latest = Math.max(latest, Math.min(...ages));
    }
  }
  return wrong;
}

/** A node by its name in a report (`AB-1`) and the number of its cluster. */
export function nodeNamed(name: string, cluster: number): NodeRef {
  return nodeRef(cluster, Number(name.slice(name.lastIndexOf('-') + 1)));
}

function nodeText(node: NodeRef): string {
  return `${clusterOf(node)}-${nodeOf(node)}`;
}

function grouped<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
