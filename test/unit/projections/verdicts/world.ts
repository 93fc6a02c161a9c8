import { wholeAsChanges } from '../../../../domain/topology/changes';
import { createHmac } from 'node:crypto';
import { chainId, clusterOf, nodeOf, nodeRef, type NodeRef } from '../../../../domain/base/ids';
import type { FlowEvent } from '../../../../domain/flow/events';
import type { Commit } from '../../../../domain/log/commit';
import type { TopologyEvent } from '../../../../domain/events';
import type { NodeStatistics } from '../../../../domain/node/statistics';
import type { TapRecord } from '../../../../domain/seams/tap';
import { DEFAULT_TIMING, type Topology, type TopologyCluster } from '../../../../domain/topology/topology';
import { trailerV1 } from '../../../../dataplane/descriptor/codec';
import { createChecker, type Checker, type Evidence } from '../../../../projections/verdicts';

/** Clusters and nodes of a four-stage grid: IA → AB (three, backup) → AC (two, discard) → IC. */
export const IA1 = nodeRef(1, 1);
export const AB1 = nodeRef(2, 1);
export const AB2 = nodeRef(2, 2);
export const AB3 = nodeRef(2, 3);
export const AC1 = nodeRef(3, 1);
export const AC2 = nodeRef(3, 2);
export const IC1 = nodeRef(4, 1);
export const FLOW = 0x01abcdef;
export const CREATED_FRAME = 0xffffffff;

const LINK_OF: { readonly [clusters: string]: number } = { '1-2': 1, '2-3': 2, '3-4': 3, '2-2': 1 };
const REVERSE = 0x10;
export const REEMITTED = 0x40;
const NETWORK_OF: { readonly [cluster: number]: number } = { 1: 1, 4: 2 };

export function keyOf(node: NodeRef): Uint8Array {
  return createHmac('sha256', 'a test grid').update(String(node)).digest().subarray(0, 16);
}

/** How a frame goes through the grid, as far as it differs from an untroubled one. */
export interface Journey {
  readonly flow?: number;
  readonly isReverse?: boolean;
  readonly sequence?: number;
  readonly wireId?: number;
  readonly flags?: number;
  /** Nodes in the order of travel. */
  readonly route?: readonly NodeRef[];
  /** The backups that get copies, by cluster. */
  readonly shadows?: { readonly [cluster: number]: NodeRef };
  readonly payload?: string;
  readonly flowType?: number;
}

const FORWARD = [IA1, AB2, AC1, IC1];

/** A grid on paper: it makes tap records as a dataplane would, keeps nodes' figures, and shows both to a checker. */
export class World {
  readonly checker: Checker = createChecker({ keysOf: (node) => [keyOf(node)] });
  private readonly figures = new Map<NodeRef, { [figure: string]: number }>();
  private readonly drops = new Map<NodeRef, { [reason: string]: number }>();
  private frames = 0;
  private readonly sequences = new Map<string, number>();
  at = 1_000_000;

  constructor(topology: Topology | undefined = topologyOf()) {
    if (topology !== undefined) this.publish(topology);
  }

  publish(topology: Topology): void {
    const { version, wireId } = topology;
    this.commit({
      type: 'TopologyPublished',
      v: 2,
      data: { version, wireId, changes: wholeAsChanges(topology), dead: [] },
    });
  }

  commit(event: TopologyEvent): void {
    const commit: Commit<TopologyEvent> = {
      seq: 1,
      prev: '',
      epoch: 1,
      commandId: 'c',
      at: 0,
      by: 'operator:test',
      cause: 0,
      corr: 'c',
      events: [event],
    };
    this.checker.observeCommit(commit);
  }

  fail(node: NodeRef): void {
    const life = { cluster: clusterOf(node), node: nodeOf(node), incarnation: 1 };
    this.commit({ type: 'NodeFailed', v: 1, data: { ...life, lastSeen: 0, detectedAt: 0, fnodeFreeAt: 0 } });
    this.figures.delete(node);
  }

  note(event: FlowEvent): void {
    this.checker.observeFlowEvent(chainId(IA1, 1), event);
  }

  started(changes: Partial<Extract<FlowEvent, { type: 'FlowStarted' }>> = {}): void {
    this.note({
      type: 'FlowStarted',
      at: this.at,
      flow: FLOW,
      topologySeq: 1,
      observedAs: 'ingress',
      flowType: 1,
      wireId: 1,
      network: 1,
      key: { proto: 6, a: '10.0.0.1', aPort: 1234, b: '10.0.0.2', bPort: 80, vlan: 0xffff },
      path: 1,
      route: FORWARD,
      backups: [0, AB3, 0, 0],
      start: 'syn',
      ...changes,
    });
  }

  takenOver(from: NodeRef, to: NodeRef, changes: { readonly backup?: NodeRef; readonly flow?: number } = {}): void {
    const { backup = AB1, flow = FLOW } = changes;
    const base = { at: this.at, flow, topologySeq: 1, effectiveAt: this.at, emitted: 1 };
    this.note({ type: 'FlowTakenOver', ...base, from, to, backup });
  }

  /** One frame through the whole grid. Returns its number. */
  pass(journey: Journey = {}): number {
    const frameNo = this.enter(journey);
    const route = this.routeOf(journey);
    const sequence = this.nextSequence(journey);
    for (let hop = 0; hop + 1 < route.length; hop++) this.hop({ ...journey, sequence }, frameNo, hop);
    this.leave(frameNo, journey);
    return frameNo;
  }

  enter(journey: Journey = {}): number {
    const frameNo = this.frames++;
    this.at += 100;
    const node = this.routeOf(journey)[0]!;
    this.count(node, 'externalIn');
    const network = NETWORK_OF[clusterOf(node)]!;
    this.tap({ kind: 'entered', network, to: node, frameNo, bytes: payloadOf(frameNo, journey) });
    return frameNo;
  }

  /** The frame goes from one node of the route to the next, with a copy for the next one's backup. */
  hop(journey: Journey, frameNo: number, hop: number, bytes?: Uint8Array): void {
    const route = this.routeOf(journey);
    const shadow = (journey.shadows ?? { 2: AB3 })[clusterOf(route[hop + 1]!)];
    this.send(journey, frameNo, hop, route[hop + 1]!, bytes);
    if (shadow === undefined) return;
    this.count(route[hop]!, 'copied');
    this.send(journey, frameNo, hop, shadow, bytes);
    this.count(shadow, 'suppressed');
  }

  send(journey: Journey, frameNo: number, hop: number, to: NodeRef, bytes?: Uint8Array): void {
    const from = this.routeOf(journey)[hop]!;
    const link = this.linkOf(from, to);
    this.count(from, 'sent');
    this.count(to, 'received');
    this.tap({ kind: 'sent', link, from, to, frameNo, bytes: bytes ?? this.sealed(journey, frameNo, hop, to) });
  }

  lose(journey: Journey, frameNo: number, hop: number): void {
    const route = this.routeOf(journey);
    const [from, to] = [route[hop]!, route[hop + 1]!];
    const bytes = this.sealed(journey, frameNo, hop, to);
    this.tap({ kind: 'lost', link: this.linkOf(from, to), from, to, frameNo, bytes });
  }

  leave(frameNo: number, journey: Journey = {}, bytes = payloadOf(frameNo, journey)): void {
    const node = this.routeOf(journey).at(-1)!;
    this.count(node, 'externalOut');
    this.tap({ kind: 'left', network: NETWORK_OF[clusterOf(node)]!, from: node, frameNo, bytes });
  }

  sealed(journey: Journey, frameNo: number, hop: number, to: NodeRef, by?: NodeRef): Uint8Array {
    const route = this.routeOf(journey);
    const signer = by ?? route[hop]!;
    const path = route.map((ref, i) => ({ cluster: clusterOf(ref), node: nodeOf(ref), processed: i <= hop }));
    const fields = {
      destination: new Uint8Array(6),
      source: new Uint8Array(6),
      flags: (journey.flags ?? 0) | (journey.isReverse === true ? REVERSE : 0),
      wireId: journey.wireId ?? 1,
      flowType: journey.flowType ?? 1,
      flowId: journey.flow ?? FLOW,
      sequence: journey.sequence ?? 1,
      ingressTime: 0,
      path,
    };
    return trailerV1.seal(payloadOf(frameNo, journey), fields, signer, keyOf(signer), to);
  }

  tap(record: Partial<TapRecord> & Pick<TapRecord, 'kind' | 'bytes' | 'frameNo'>): void {
    this.checker.observe({ at: this.at, network: 0, link: 0, from: 0, to: 0, ...record });
  }

  drop(node: NodeRef, reason: string): void {
    const drops = this.drops.get(node) ?? {};
    drops[reason] = (drops[reason] ?? 0) + 1;
    this.drops.set(node, drops);
  }

  count(node: NodeRef, figure: string, n = 1): void {
    const figures = this.figures.get(node) ?? {};
    figures[figure] = (figures[figure] ?? 0) + n;
    this.figures.set(node, figures);
  }

  statistics(): NodeStatistics[] {
    return [...this.figures].map(([node, figures]) => ({
      ...noFigures(node),
      ...figures,
      dropped: this.drops.get(node) ?? {},
    }));
  }

  verdicts(evidence: Evidence = {}) {
    return this.checker.verdicts({ nodes: this.statistics(), ...evidence });
  }

  private routeOf(journey: Journey): readonly NodeRef[] {
    return journey.route ?? (journey.isReverse === true ? [...FORWARD].reverse() : FORWARD);
  }

  private nextSequence(journey: Journey): number {
    const key = `${journey.flow ?? FLOW} ${journey.isReverse ?? false}`;
    const sequence = journey.sequence ?? (this.sequences.get(key) ?? 0) + 1;
    this.sequences.set(key, sequence);
    return sequence;
  }

  private linkOf(from: NodeRef, to: NodeRef): number {
    const [low, high] = [clusterOf(from), clusterOf(to)].sort((a, b) => a - b);
    return LINK_OF[`${low}-${high}`] ?? 0;
  }
}

export function payloadOf(frameNo: number, journey: Journey = {}): Uint8Array {
  const frame = Buffer.alloc(60);
  frame.writeUInt16BE(0x88b6, 12);
  frame.write(`${journey.payload ?? 'frame'} ${frameNo}`, 14);
  return Uint8Array.from(frame);
}

export function topologyOf(changes: Partial<Topology> = {}): Topology {
  return {
    grid: 'paper',
    version: 1,
    wireId: 1,
    seed: 1,
    selection: 'centralized',
    timing: DEFAULT_TIMING,
    networks: [
      { id: 1, name: 'EN-1', cluster: 1, tagged: false },
      { id: 2, name: 'EN-4', cluster: 4, tagged: false },
    ],
    clusters: [
      clusterWith(1, 'IA', 'redirect', 1),
      clusterWith(2, 'AB', 'backup', 3),
      clusterWith(3, 'AC', 'discard', 2),
      clusterWith(4, 'IC', 'redirect', 1),
    ],
    links: [
      { id: 1, name: 'VN-1', kind: 'switch', members: [{ cluster: 1 }, { cluster: 2 }], control: false, mtu: 1700 },
      { id: 2, name: 'VN-2', kind: 'switch', members: [{ cluster: 2 }, { cluster: 3 }], control: false, mtu: 1700 },
      { id: 3, name: 'VN-3', kind: 'switch', members: [{ cluster: 3 }, { cluster: 4 }], control: false, mtu: 1700 },
    ],
    paths: [{ id: 1, name: 'default', from: [1], to: 2, clusters: [1, 2, 3, 4] }],
    policies: [],
    ...changes,
  };
}

export function clusterWith(
  id: number,
  name: string,
  failure: TopologyCluster['failure'],
  nodes: number,
  fn = 'pass',
): TopologyCluster {
  return {
    id,
    name,
    role: NETWORK_OF[id] === undefined ? 'anode' : 'inode',
    failure,
    selector: 'hash',
    mode: 'through',
    whenEmpty: 'drop',
    function: { name: fn, config: {} },
    members: Array.from({ length: nodes }, (_, i) => ({
      node: i + 1,
      incarnation: 1,
      weight: 1,
      state: 'active' as const,
    })),
  };
}

export function noFigures(node: NodeRef): NodeStatistics {
  return {
    node,
    incarnation: 1,
    at: 0,
    flowsPrimary: 0,
    flowsBackup: 0,
    boundByFlood: false,
    flooded: 0,
    untracked: 0,
    flowsStarted: 0,
    flowsEnded: 0,
    externalIn: 0,
    externalOut: 0,
    received: 0,
    sent: 0,
    bytesReceived: 0,
    bytesSent: 0,
    consumed: 0,
    created: 0,
    copied: 0,
    replicated: 0,
    suppressed: 0,
    reemitted: 0,
    resynchronised: 0,
    inFlight: 0,
    dropped: {},
    latencyBuckets: [],
    hops: [],
    types: [],
    hellosSent: 0,
    bridged: 0,
    tooBigAnswered: 0,
    fragmented: 0,
    mssClamped: 0,
    hellosReceived: 0,
    utilisation: 0,
    congested: false,
    congestions: 0,
    flowsMovedAway: 0,
    flowsMovedHere: 0,
  };
}
