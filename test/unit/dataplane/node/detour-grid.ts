import { chainId, clusterOf, nodeOf, nodeRef, type NodeRef } from '../../../../domain/base/ids';
import type { TopologyEvent } from '../../../../domain/events';
import { wholeAsChanges } from '../../../../domain/topology/changes';
import type { TopologyCluster } from '../../../../domain/topology/topology';
import { detour, FORWARD, type Detour, type FunctionDefinition } from '../../../../dataplane/functions/function';
import { nodeKey } from '../../../../dataplane/descriptor/node-table';
import { FlowsProjection, routeAt } from '../../../../projections/flows';
import { createChecker, type Verdicts } from '../../../../projections/verdicts';
import { TestGrid, type TestGridOptions } from './test-grid';

const SECRET = new Uint8Array(32).fill(7);

/** What the checker finds of a grid in which nothing was lost that should not be. */
export const HELD = {
  affinity: 'held',
  pinnedTopology: 'held',
  oneEmitter: 'held',
  conservation: 'held',
  isolation: 'held',
};

/** A function that asks for a detour of a flow from its `after`-th forward frame on. */
export function detourAfter(name: string, after: number, asked: Detour): FunctionDefinition {
  return {
    name,
    summary: 'makes up its mind about a flow after some frames',
    create: () => {
      const seen = new Map<number, number>();
      return {
        stateKind: 'per-flow',
        reads: 'nothing',
        dropReasons: [],
        detours: [asked],
        process(_frame, flow) {
          const n = (seen.get(flow.id) ?? 0) + (flow.reverse ? 0 : 1);
          seen.set(flow.id, n);
          return n >= after ? detour(0) : FORWARD;
        },
        exportFlow: (flow) => Uint8Array.of(seen.get(flow) ?? 0),
        importFlow: (flow, state) => void seen.set(flow, state[0]),
      };
    },
  };
}

/** A grid whose flows leave the path that they began on; every node is drained for itself, and all is observed. */
export class DetourGrid {
  readonly grid: TestGrid;
  readonly refs: NodeRef[];

  constructor(clusters: readonly TopologyCluster[], options: Omit<TestGridOptions, 'clusters' | 'groups'>) {
    this.refs = clusters.flatMap(({ id, members }) => members.map(({ node }) => nodeRef(id, node)));
    this.grid = new TestGrid({ ...options, clusters, groups: this.refs.map((ref) => [ref]) });
  }

  /** Sends a frame and tells the nodes that it left, in order. */
  nodes(network: number, frame: Uint8Array): NodeRef[] {
    const from = this.grid.taps.length;
    this.grid.inject(network, frame);
    this.grid.settle();
    return this.grid.taps
      .slice(from)
      .filter(({ kind, from: node, to, bytes }) => kind === 'sent' && isForEmitter(bytes, to) && node !== 0)
      .map(({ from: node }) => node);
  }

  visits(network: number, frame: Uint8Array): number[] {
    return this.nodes(network, frame).map(clusterOf);
  }

  verdicts(): Verdicts {
    const { topology } = this.grid;
    const checker = createChecker({ keysOf: (ref) => [nodeKey(SECRET, clusterOf(ref), nodeOf(ref), 1)] });
    const { version, wireId } = topology;
    const event: TopologyEvent = {
      type: 'TopologyPublished',
      v: 2,
      data: { version, wireId, changes: wholeAsChanges(topology), dead: [] },
    };
    const header = { seq: 1, prev: '', epoch: 1, commandId: 'c', at: 0, by: 'operator:test', cause: 0, corr: 'c' };
    checker.observeCommit({ ...header, events: [event] });
    for (const record of this.grid.taps) checker.observe(record);
    for (const [ref, events] of this.grid.events) {
      for (const each of events) checker.observeFlowEvent(chainId(ref, 1), each);
    }
    return checker.verdicts({ nodes: this.refs.map((ref) => this.grid.group(ref).statistics(ref)) });
  }

  /** The clusters of the flow's route as the log tells it now. */
  toldRoute(): number[] {
    const flows = new FlowsProjection();
    for (const [ref, events] of this.grid.events) for (const each of events) flows.apply(chainId(ref, 1), each);
    const [record] = [...flows.records()];
    return routeAt(record!, Infinity).map(({ node }) => clusterOf(node));
  }
}

/** Whether the frame is the emitter's and not its shadow's copy: its cluster's element names the receiver. */
function isForEmitter(bytes: Uint8Array, to: NodeRef): boolean {
  const at = bytes.length - bytes[bytes.length - 1];
  for (let i = 0; i < bytes[at + 40]; i++) {
    if (bytes[at + 41 + 2 * i] === clusterOf(to)) return (bytes[at + 42 + 2 * i] & 0x7f) === nodeOf(to);
  }
  return false;
}
