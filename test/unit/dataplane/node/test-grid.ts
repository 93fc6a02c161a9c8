import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import type { FlowEvent } from '../../../../domain/flow/events';
import type { TapRecord } from '../../../../domain/seams/tap';
import {
  DEFAULT_TIMING,
  type FlowPath,
  type FlowPolicy,
  type FunctionSpec,
  type PublishedTopology,
  type Topology,
  type TopologyCluster,
  type VirtualLink,
} from '../../../../domain/topology/topology';
import { nodeKey } from '../../../../dataplane/descriptor/node-table';
import { Arena } from '../../../../dataplane/frames/arena';
import { S_FRAME_NO, S_LEN, S_OFF, S_TIME, SLOT_FRAME } from '../../../../dataplane/frames/layout';
import { SlotPool } from '../../../../dataplane/frames/slots';
import { drop, FORWARD, type FunctionDefinition } from '../../../../dataplane/functions/function';
import { readConfig } from '../../../../dataplane/functions/config';
import { FrameEmitter } from '../../../../dataplane/functions/emitter';
import { FunctionHost, type FunctionServices } from '../../../../dataplane/functions/host';
import { nat } from '../../../../dataplane/functions/nat';
import { packetFilter } from '../../../../dataplane/functions/packet-filter';
import { pass } from '../../../../dataplane/functions/pass';
import { loadKernels } from '../../../../dataplane/kernels/load';
import { NodeGroup, type NodeLimits } from '../../../../dataplane/node/node-group';
import { WorldPort } from '../../../../dataplane/node/world-port';
import { RendezvousTables } from '../../../../dataplane/select/topology-view';
import { Fabric } from '../../../../dataplane/rings/fabric';

const SECRET = new Uint8Array(32).fill(7);

/**
 * A function whose every output depends on all earlier frames of the flow and direction: it writes the running number of
 * the frame, and a running mix of all payloads, into the payload's last eight bytes; and it drops flows that it did not
 * see begin. A backup that missed a frame, or took one twice, betrays itself in the bytes that leave.
 */
export const tally: FunctionDefinition = {
  name: 'tally',
  summary: 'numbers the frames of a flow',
  create: () => {
    const flows = new Map<string, { n: number; mix: number }>();
    const replace = (key: string, state: { n: number; mix: number } | null): void => {
      if (state === null) flows.delete(key);
      else flows.set(key, state);
    };
    return {
      stateKind: 'per-flow',
      reads: 'headers',
      dropReasons: ['not-begun'],
      process(frame, flow) {
        const key = `${flow.id}/${flow.reverse}`;
        let known = flows.get(key);
        if (known === undefined) {
          if (!flow.start && !flow.reverse) return drop(0);
          flows.set(key, (known = { n: 0, mix: 0 }));
        }
        known.n++;
        known.mix = (Math.imul(known.mix, 31) + frame.u32(frame.payload)) >>> 0;
        const at = frame.length - 8;
        for (let i = 0; i < 4; i++) {
          frame.setByte(at + i, (known.n >>> (24 - 8 * i)) & 0xff);
          frame.setByte(at + 4 + i, (known.mix >>> (24 - 8 * i)) & 0xff);
        }
        return FORWARD;
      },
      exportFlow(flow) {
        const pair = [flows.get(`${flow}/false`), flows.get(`${flow}/true`)];
        return new TextEncoder().encode(JSON.stringify(pair.map((each) => each ?? null)));
      },
      importFlow(flow, state) {
        const [forward, reverse] = JSON.parse(new TextDecoder().decode(state)) as ({ n: number; mix: number } | null)[];
        replace(`${flow}/false`, forward);
        replace(`${flow}/true`, reverse);
      },
      flowEnded(flow) {
        flows.delete(`${flow}/false`);
        flows.delete(`${flow}/true`);
      },
    };
  },
};

/** A frame that left the grid. */
export interface Left {
  readonly network: number;
  readonly bytes: Uint8Array;
  readonly frameNo: number;
}

export interface TestGridOptions {
  readonly clusters: readonly TopologyCluster[];
  /** Groups, as lists of nodes; all nodes in one group by default. */
  readonly groups?: readonly (readonly NodeRef[])[];
  readonly selection?: Topology['selection'];
  readonly paths?: readonly FlowPath[];
  readonly policies?: readonly FlowPolicy[];
  readonly links?: readonly VirtualLink[];
  readonly networks?: Topology['networks'];
  readonly routes?: Topology['routes'];
  readonly timing?: Partial<Topology['timing']>;
  readonly flood?: Topology['flood'];
  readonly limits?: Partial<NodeLimits>;
  readonly slots?: number;
  /** Keeps no copy of what crosses the links. */
  readonly untapped?: boolean;
  readonly kernels?: 'wasm' | 'ts';
  /** Further functions, besides `pass` and `tally`. */
  readonly functions?: readonly FunctionDefinition[];
}

/** A cluster with nodes 1 … n. */
export function cluster(id: number, n: number, more: Partial<TopologyCluster> = {}): TopologyCluster {
  return {
    id,
    name: `C${id}`,
    role: 'anode',
    failure: 'redirect',
    selector: 'hash',
    mode: 'through',
    whenEmpty: 'drop',
    function: { name: 'pass', config: {} },
    members: Array.from({ length: n }, (_, i) => ({
      node: i + 1,
      incarnation: 1,
      weight: 1,
      state: 'active' as const,
      ...(more.role === 'inode' ? { fnode: id * 8 + i } : {}),
    })),
    ...more,
  };
}

/** A grid in one thread, with its world: real nodes, kernels and rings; only time is the test's. */
export class TestGrid {
  readonly arena: Arena;
  readonly slots: SlotPool;
  readonly groups: NodeGroup[] = [];
  readonly world: WorldPort;
  readonly left: Left[] = [];
  readonly taps: TapRecord[] = [];
  readonly events = new Map<NodeRef, FlowEvent[]>();
  now = 1_700_000_000_000_000;
  /** Whether a frame is damaged on the link to a node, so that the receiver refuses it. */
  damages: (to: NodeRef, bytes: Uint8Array) => boolean = () => false;
  topology: Topology;
  private readonly fabric: Fabric;
  private readonly groupOf = new Map<NodeRef, NodeGroup>();
  private frames = 0;
  private version = 1;
  private replications: Topology['replications'] = [];

  constructor(private readonly options: TestGridOptions) {
    this.arena = Arena.create({ slots: options.slots ?? 4096, bytes: 96 * 1024 * 1024 });
    this.slots = new SlotPool(this.arena);
    const refs = options.clusters.flatMap(({ id, members }) => members.map(({ node }) => nodeRef(id, node)));
    const groups = options.groups ?? [refs];
    this.fabric = Fabric.create(this.arena, groups.length, 1024);
    this.damageLinks();
    const tables = new RendezvousTables();
    groups.forEach((members, index) => {
      const group = new NodeGroup({
        arena: this.arena,
        kernels: loadKernels(this.arena, options.kernels),
        fabric: this.fabric,
        group: index,
        nodeKey: (ref) => nodeKey(SECRET, ref >>> 7, ref & 0x7f, 1),
        keyEpoch: 1,
        tables,
        createFunction: (spec, services) => this.createFunction(spec, services),
        limits: { flows: 1024, connections: 1024, ...options.limits },
        ...(options.untapped === true ? {} : { tap: (record) => this.taps.push(record) }),
      });
      for (const ref of members) {
        const role = options.clusters.find(({ id }) => id === ref >>> 7)?.role ?? 'anode';
        group.addNode(ref, 1, role);
        this.groupOf.set(ref, group);
      }
      this.groups.push(group);
    });
    this.world = new WorldPort(this.arena, this.fabric);
    this.topology = this.makeTopology(options.clusters);
    this.publish(this.topology);
  }

  /** Publishes the grid with other clusters, as a further version. */
  change(
    clusters: readonly TopologyCluster[],
    dead: readonly string[] = [],
    replications: Topology['replications'] = [],
  ): void {
    this.version++;
    this.replications = replications;
    this.topology = this.makeTopology(clusters);
    this.publish(this.topology, dead);
  }

  group(ref: NodeRef): NodeGroup {
    return this.groupOf.get(ref) as NodeGroup;
  }

  /** A frame arrives at a network; moved by {@link settle}. */
  inject(network: number, bytes: Uint8Array, via = 0): number {
    const slot = this.slots.allocate();
    if (slot < 0) throw new Error('no slot free: frames leak');
    const address = this.arena.slot(slot);
    this.arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    this.arena.u32[(address + S_LEN) >>> 2] = bytes.length;
    this.arena.f64[(address + S_TIME) >>> 3] = this.now;
    this.arena.u32[(address + S_FRAME_NO) >>> 2] = this.frames;
    this.arena.u8.set(bytes, address + SLOT_FRAME);
    if (!this.world.inject(network, slot, via)) throw new Error('the world could not inject');
    this.world.publish();
    return this.frames++;
  }

  /** Runs all groups until nothing is under way, and collects what left. */
  settle(): void {
    for (let moved = 1; moved > 0 || !this.fabric.quiescent();) {
      moved = 0;
      for (const group of this.groups) moved += group.run(this.now);
      moved += this.collect();
    }
    for (const [ref, group] of this.groupOf) {
      const events = this.events.get(ref) ?? [];
      events.push(...group.drainFlowEvents(ref));
      this.events.set(ref, events);
    }
  }

  /** Takes what left so far; for tests that step the groups themselves. */
  collect(): number {
    return this.world.drain((slot, network) => this.take(slot, network));
  }

  /** Lets one hello interval pass. */
  beat(): void {
    this.now += this.topology.timing.helloMs * 1000;
    for (const group of this.groups) group.tick(this.now);
    this.settle();
  }

  beats(n: number): void {
    for (let i = 0; i < n; i++) this.beat();
  }

  kill(ref: NodeRef): void {
    this.group(ref).kill(ref);
    this.world.setAlive(ref, false);
  }

  allEvents(): FlowEvent[] {
    return [...this.events.values()].flat();
  }

  /** Sums a counter over all nodes. */
  total(pick: (statistics: ReturnType<NodeGroup['statistics']>) => number): number {
    let sum = 0;
    for (const [ref, group] of this.groupOf) sum += pick(group.statistics(ref));
    return sum;
  }

  dropped(reason: string): number {
    return this.total((statistics) => statistics.dropped[reason] ?? 0);
  }

  /** Slots that nobody holds. */
  freeSlots(): number {
    for (const group of this.groups) group.flushSlots();
    this.slots.flush();
    return this.slots.countFree();
  }

  /** Every frame handed to a ring is shown to {@link damages} first. */
  private damageLinks(): void {
    const { arena, fabric } = this;
    const writer = fabric.writer.bind(fabric);
    fabric.writer = (group, to) => {
      const ring = writer(group, to);
      if (ring === undefined) return ring;
      const push = ring.push.bind(ring);
      ring.push = (slot) => {
        const address = arena.slot(slot);
        const start = address + arena.u32[(address + S_OFF) >>> 2];
        const end = start + arena.u32[(address + S_LEN) >>> 2];
        if (this.damages(to, arena.u8.subarray(start, end))) arena.u8[end - 10] ^= 0xff;
        return push(slot);
      };
      return ring;
    };
  }

  private createFunction(spec: FunctionSpec, services: FunctionServices): FunctionHost {
    const definition = [tally, pass, nat, packetFilter, ...(this.options.functions ?? [])].find(
      ({ name }) => name === spec.name,
    );
    if (definition === undefined) throw new Error(`no function ${spec.name}`);
    const emitter = new FrameEmitter(services);
    const config = readConfig(spec.config, spec.name);
    return new FunctionHost(
      definition.create(config, {
        node: services.node,
        seed: services.seed,
        incarnation: 1,
        emitter,
        report: () => undefined,
        compared: (finding) => services.compared?.(finding),
      }),
      services,
      emitter,
    );
  }

  private take(slot: number, network: number): void {
    const address = this.arena.slot(slot);
    const start = address + this.arena.u32[(address + S_OFF) >>> 2];
    const bytes = this.arena.u8.slice(start, start + this.arena.u32[(address + S_LEN) >>> 2]);
    this.left.push({ network, bytes, frameNo: this.arena.u32[(address + S_FRAME_NO) >>> 2] });
    this.slots.free(slot);
  }

  private publish(topology: Topology, dead: readonly string[] = []): void {
    const published: PublishedTopology = { topology, seq: topology.version, hash: '', dead };
    for (const group of this.groups) group.install(published);
    this.world.install(published);
    for (const group of this.groups) group.activate(topology.version);
  }

  private makeTopology(clusters: readonly TopologyCluster[]): Topology {
    const ids = clusters.map(({ id }) => id);
    const inodes = clusters.filter(({ role }) => role === 'inode').map(({ id }) => id);
    const [first, last] = [inodes[0], inodes[inodes.length - 1]];
    const { options } = this;
    return {
      grid: 'test',
      version: this.version,
      wireId: this.version,
      seed: 42,
      selection: options.selection ?? 'centralized',
      timing: { ...DEFAULT_TIMING, ...options.timing },
      ...(options.flood === undefined ? {} : { flood: options.flood }),
      networks: options.networks ?? [
        { id: 1, name: 'EN-1', cluster: first, tagged: false },
        { id: 4, name: 'EN-4', cluster: last, tagged: false },
      ],
      clusters,
      ...(options.routes === undefined ? {} : { routes: options.routes }),
      ...(this.replications?.length === 0 ? {} : { replications: this.replications }),
      links:
        options.links ??
        ids.slice(1).map((id, i) => ({
          id: i + 1,
          name: `VN-${i + 1}`,
          kind: 'switch' as const,
          members: [{ cluster: ids[i] }, { cluster: id }],
          control: false,
          mtu: 9000,
        })),
      paths: options.paths ?? [
        { id: 1, name: 'there', from: [1], to: 4, clusters: ids },
        { id: 2, name: 'back', from: [4], to: 1, clusters: [...ids].reverse() },
      ],
      policies: options.policies ?? [
        { id: 1, name: 'all', flowType: 9, typeName: 'other', match: {}, paths: ['there', 'back'], criteria: 'static' },
      ],
    };
  }
}
