import { createHash } from 'node:crypto';
import { SimClock } from '../../adapters/sim/sim-clock';
import { VlanSwitch } from '../../adapters/sim/vlan-switch';
import { freshPath, trailerV1, type DescriptorFields } from '../../dataplane/descriptor/codec';
import { macOf, nodeKey, writeNode } from '../../dataplane/descriptor/node-table';
import { Arena } from '../../dataplane/frames/arena';
import {
  DF_UNICAST,
  FRAME_MIN,
  S_FLAGS,
  S_LEN,
  S_OFF,
  S_REASON,
  S_TO,
  SLOT_FRAME,
} from '../../dataplane/frames/layout';
import { REASONS } from '../../dataplane/frames/reasons';
import { SlotPool } from '../../dataplane/frames/slots';
import { loadKernels } from '../../dataplane/kernels/kernels';
import { LanInterfaces, NOT_SENT } from '../../dataplane/links/lan-interfaces';
import { clusterOf, nodeOf, nodeRef, type NodeRef } from '../../domain/base/ids';
import type { ConnectedEnds } from '../../domain/link/connected-ends';
import { interfacesOf } from '../../domain/link/interfaces';
import { lanPlan, type Lan, type LanPlan, type LanPort } from '../../domain/link/plan';

const SECRET = createHash('sha256').update('nodes on a simulated LAN').digest();
const SLOTS = 4096;

/** A frame that an application was handed. */
export interface Handed {
  /** Place of the port in the plan. */
  readonly port: number;
  readonly node: NodeRef;
  readonly link: number;
  /** As the application sees it: without descriptor and link's tag. */
  readonly frame: Uint8Array;
}

/** A frame that a port of the switch sent. */
export interface Arrived {
  readonly port: number;
  readonly frame: Uint8Array;
}

export interface LanOptions {
  /** Resilient links whose primary is down. Absent = none. */
  readonly primaryDown?: ReadonlySet<number>;
  readonly latencyMs?: number;
  /** The switch is one that always filters on ingress: ports are in the VLANs, too, in which they only send. */
  readonly alwaysFiltering?: boolean;
}

/**
 * Nodes' virtual interfaces on the ports of a simulated LAN switch, which is told what the plan of the links says. What the
 * interfaces let pass is opened as a node does; what is believed is handed to the application. Ports of external networks
 * have none: what comes there is kept.
 */
export class InterfacesOnLan {
  readonly clock = new SimClock(1_000_000);
  readonly handed: Handed[] = [];
  readonly arrived: Arrived[] = [];
  /** Ports whose hosts are dead: nothing comes from them, and what comes to them is lost. */
  readonly dead = new Set<number>();
  /** Frames that passed an interface and were not believed, by reason. */
  readonly refused = new Map<string, number>();
  readonly hosts: readonly LanInterfaces[];
  readonly switch: VlanSwitch;
  plan: LanPlan;
  private readonly arena = Arena.create({ slots: SLOTS, bytes: 1 << 20 });
  private readonly slots = new SlotPool(this.arena);
  private readonly kernels = loadKernels(this.arena);
  private readonly list = this.arena.allocate(8 * 1024);
  private readonly one = this.arena.allocate(4, 4);

  constructor(
    private lan: Lan,
    readonly ports: readonly LanPort[],
    private readonly options: LanOptions = {},
  ) {
    const { primaryDown = new Set(), latencyMs = 0 } = options;
    for (const node of ports.flatMap(({ nodes }) => nodes)) {
      const ref = nodeRef(node.cluster, node.node);
      writeNode(this.arena, ref, keyOf(ref), 1);
    }
    this.hosts = ports.map(() => new LanInterfaces({ arena: this.arena, slots: this.slots }, this.kernels));
    this.plan = this.planned(primaryDown);
    const settings = { ports: this.plan.ports, latencyMs };
    this.switch = new VlanSwitch(this.clock, settings, (port, frame) => this.arrive(port, frame));
    this.hosts.forEach((_, port) => this.build(port, { onStandby: primaryDown }));
  }

  /** Tells switch and interfaces which ends of resilient links are connected now. */
  change(ends: ConnectedEnds): void {
    this.plan = this.planned(ends.onStandby);
    this.plan.ports.forEach((port, number) => {
      this.switch.configure(number, port);
      this.build(number, ends);
    });
  }

  /** There are other links from now on, of which ports are told one by one. */
  relink(lan: Lan): void {
    this.lan = lan;
    this.plan = this.planned(new Set());
  }

  /** Tells a port of the switch, and the nodes there, what they are to have. */
  tell(port: number): void {
    this.switch.configure(port, this.plan.ports[port]!);
    this.build(port, { onStandby: new Set() });
  }

  /** Gives the interfaces at a port what they are to be. */
  build(port: number, ends: ConnectedEnds): void {
    this.hosts[port]!.install(this.ports[port]!.nodes.flatMap((node) => interfacesOf(this.lan, node, ends)));
  }

  /**
   * An application sends a frame by its node's interface on a link: sealed, and for the node `to`, or for whom the frame is.
   * On an external link it goes as it is. Returns whether the interface sent it.
   */
  send(port: number, node: NodeRef, link: number, frame: Uint8Array, to: NodeRef = 0): boolean {
    const host = this.hosts[port]!;
    const place = host.find(node, link);
    if (place < 0) return false;
    const { kind } = host.at(place).settings;
    return this.sendRaw(port, node, link, kind === 'external' ? frame : sealed(frame, node, to), to);
  }

  /** The same with bytes that the node does not seal. */
  sendRaw(port: number, node: NodeRef, link: number, bytes: Uint8Array, to: NodeRef = 0): boolean {
    const host = this.hosts[port]!;
    const place = host.find(node, link);
    if (place < 0) return false;
    const slot = this.put(bytes);
    this.arena.u16[(this.arena.slot(slot) + S_TO) >>> 1] = to;
    const copies = host.send(place, slot, this.list);
    if (copies === NOT_SENT) return false;
    const sent = this.bytes(slot);
    this.slots.free(slot);
    this.take(port, copies);
    this.inject(port, sent);
    return true;
  }

  /** Puts bytes on the wire of a port, whatever they are. */
  inject(port: number, bytes: Uint8Array): void {
    if (this.dead.has(port)) return;
    this.switch.receive(port, bytes);
  }

  /** Lets bytes come from the LAN to a port, past the switch. */
  deliver(port: number, bytes: Uint8Array): void {
    this.take(port, this.hosts[port]!.receive(this.put(bytes), this.list));
  }

  /** What came to applications since it was last asked; what is under way goes on. */
  taken(): Handed[] {
    return this.handed.splice(0);
  }

  /** Everything under way arrives; returns what applications were handed since it was last asked. */
  settle(): Handed[] {
    this.clock.advanceTo(this.clock.now() + 1_000);
    return this.handed.splice(0);
  }

  /** Ports to which frames came since it was last asked, each as often as frames. */
  reachedPorts(): number[] {
    return this.arrived.splice(0).map(({ port }) => port);
  }

  /** Slots that are not free: none, when nothing is under way. */
  get slotsInUse(): number {
    return SLOTS - this.slots.countFree();
  }

  private arrive(port: number, bytes: Uint8Array): void {
    if (this.dead.has(port)) return;
    this.arrived.push({ port, frame: bytes });
    if (this.ports[port]!.network !== undefined) return;
    this.deliver(port, bytes);
  }

  private planned(onStandby: ReadonlySet<number>): LanPlan {
    const plan = lanPlan(this.lan, this.ports, { onStandby });
    if (this.options.alwaysFiltering !== true) return plan;
    const ports = plan.ports.map((port) => ({
      ...port,
      tagged: [...port.tagged, ...port.sendOnly],
      ingressFiltering: true,
    }));
    return { ...plan, ports };
  }

  private take(port: number, count: number): void {
    const { u16, u32 } = this.arena;
    for (let i = 0; i < count; i++) {
      const slot = u32[(this.list >>> 2) + 2 * i]!;
      const face = this.hosts[port]!.at(u32[(this.list >>> 2) + 2 * i + 1]!);
      const address = this.arena.slot(slot);
      u16[(address + S_REASON) >>> 1] = u16[(address + S_FLAGS) >>> 1] = 0;
      if (face.settings.kind !== 'external') {
        u32[this.one >>> 2] = slot;
        this.kernels.open(face.ref, this.one, 1, this.clock.now());
      }
      const why = u16[(address + S_REASON) >>> 1]!;
      if (why === 0) {
        face.substitute(address);
        this.handed.push({ port, node: face.ref, link: face.settings.link, frame: this.bytes(slot) });
      } else this.refused.set(REASONS[why]!, (this.refused.get(REASONS[why]!) ?? 0) + 1);
      this.slots.free(slot);
    }
  }

  private put(bytes: Uint8Array): number {
    const slot = this.slots.allocate();
    const address = this.arena.slot(slot);
    this.arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    this.arena.u32[(address + S_LEN) >>> 2] = bytes.length;
    this.arena.u8.set(bytes, address + SLOT_FRAME);
    return slot;
  }

  private bytes(slot: number): Uint8Array {
    const address = this.arena.slot(slot);
    const start = address + this.arena.u32[(address + S_OFF) >>> 2]!;
    return this.arena.u8.slice(start, start + this.arena.u32[(address + S_LEN) >>> 2]!);
  }
}

/** A node's key. */
export function keyOf(ref: NodeRef): Uint8Array {
  return nodeKey(SECRET, clusterOf(ref), nodeOf(ref), 1);
}

/** The frame as a node seals it; whom it names for its cluster on the path is `to`. Frames for groups have no unicast flag. */
export function sealed(frame: Uint8Array, from: NodeRef, to: NodeRef = 0, key = keyOf(from)): Uint8Array {
  if (frame.length < FRAME_MIN) throw new Error(`a frame of ${frame.length} bytes is none`);
  const fields: DescriptorFields = {
    destination: frame.subarray(0, 6),
    source: frame.subarray(6, 12),
    flags: (frame[0]! & 1) === 0 ? DF_UNICAST : 0,
    wireId: 1,
    flowType: 7,
    flowId: 0x01000001,
    sequence: 1,
    ingressTime: 0,
    path: to === 0 ? [] : freshPath([to]),
  };
  return trailerV1.seal(frame, fields, from, key, to === 0 ? from : to);
}

/** A node's address on the grid, in hex. */
export function nicHex(ref: NodeRef): string {
  return Buffer.from(macOf(ref)).toString('hex');
}
