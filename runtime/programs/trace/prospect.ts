import type { Obituary } from '../../../dataplane/select/liveness';
import { chainId, clusterOf, nodeOf, nodeRef, type Micros, type NodeRef } from '../../../domain/base/ids';
import type { FlowEvent } from '../../../domain/flow/events';
import type { PublishedTopology, Topology, TopologyCluster } from '../../../domain/topology/topology';
import { FlowsProjection, type FlowRecord } from '../../../projections';
import { InlineHost } from '../../agent/inline-host';

/** Frame slots of the grid that one frame is sent through. */
const SLOTS = 512;
/** Memory of that grid: a part of its own, and a part for each node's tables and rings. */
const BYTES = 16 * 1024 * 1024;
const BYTES_PER_NODE = 512 * 1024;
const LIMITS = { flows: 256, connections: 256, events: 64 };

/** What would become of a connection if it began, now, at one external network. */
export interface Prospect {
  readonly network: number;
  /** The flow as the INODEs would tell of it; undefined when they would refuse it. */
  readonly record: FlowRecord | undefined;
  /** Why frames would be dropped, by reason. */
  readonly refusals: readonly string[];
}

/**
 * Sends a connection's first frame through the production dataplane, on nodes that hold nothing but a topology and who
 * is dead, once for each external network: what comes out is what would happen, because it is the same code. Functions
 * are left out, since a frame meets them after all is decided.
 *
 * What cannot be known this way is what nodes remember of other flows: choices of adaptive selectors, and flow IDs that
 * are taken or rest.
 */
export async function prospectsOf(
  published: PublishedTopology,
  dead: Obituary,
  frame: Uint8Array,
  networks: readonly number[],
  now: Micros,
): Promise<Prospect[]> {
  const prospects: Prospect[] = [];
  for (const network of networks) prospects.push(await prospectOf(published, dead, frame, network, now));
  return prospects;
}

async function prospectOf(
  published: PublishedTopology,
  dead: Obituary,
  frame: Uint8Array,
  network: number,
  now: Micros,
): Promise<Prospect> {
  const topology = withoutFunctions(published.topology);
  const members = topology.clusters.filter(({ role }) => role !== 'mnode').flatMap(membersOf);
  const host = new InlineHost({
    secret: new Uint8Array(32),
    workers: 1,
    slots: SLOTS,
    bytes: BYTES + members.length * BYTES_PER_NODE,
    limits: LIMITS,
    baseDirectory: '.',
    taps: false,
    output: () => undefined,
  });
  for (const { ref, incarnation, role } of members) {
    await host.add(ref, incarnation, role);
    if (!dead.isDead(ref, incarnation)) continue;
    await host.kill(ref);
    host.setReachable(ref, false);
  }
  const known = members.filter(({ ref, incarnation }) => dead.isDead(ref, incarnation));
  await host.install({ ...published, topology, dead: known.map(({ ref, incarnation }) => chainId(ref, incarnation)) });
  await host.activate(topology.version);
  const router = topology.networks.find(({ id }) => id === network)?.router;
  const entered = host.inject(network, now, 0, (target, at) => {
    target.set(frame, at);
    if (router !== undefined) target.set(macOf(router.mac), at);
    return frame.length;
  });
  await host.settle(now);
  const told = (await host.harvest()).events.flatMap(({ events }) => events);
  const statistics = await host.statistics();
  await host.close();
  const refusals = statistics.flatMap(({ dropped }) => Object.keys(dropped));
  return { network, record: recordIn(told), refusals: entered ? refusals : ['no-member'] };
}

/** On a layer-3 network frames go to the router, whatever station they were made for. */
function macOf(text: string): number[] {
  return text.split(':').map((byte) => Number.parseInt(byte, 16));
}

function recordIn(told: readonly FlowEvent[]): FlowRecord | undefined {
  const flows = new FlowsProjection();
  for (const event of told) flows.apply('', event);
  return [...flows.records()][0];
}

function membersOf({ id, role, members }: TopologyCluster) {
  return members.map(({ node, incarnation }) => ({ ref: nodeRef(id, node), incarnation, role }));
}

function withoutFunctions(topology: Topology): Topology {
  const pass = { name: 'pass', config: {} };
  return { ...topology, clusters: topology.clusters.map((cluster) => ({ ...cluster, function: pass })) };
}

/** Whether a node of a route is what the production code would choose again, or one that hangs on other flows. */
export function isKnowable({ clusters }: Topology, ref: NodeRef): boolean {
  const cluster = clusters.find(({ id }) => id === clusterOf(ref));
  return nodeOf(ref) !== 0 && (cluster === undefined || cluster.role === 'inode' || cluster.selector === 'hash');
}
