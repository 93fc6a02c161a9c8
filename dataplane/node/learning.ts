import { isTurned } from '../classify/connection-entry';
import { FULL, KNOWN, STATION_AGE_US, Stations } from '../bridging/stations';
import { C_FLOW, C_STATE, F_NET_FWD, F_NET_REV, S_LEN, S_NETWORK, S_OFF, S_SRC_IS_B } from '../frames/layout';
import { ETHERTYPE_SERVICE_VLAN, ETHERTYPE_VLAN } from '../headers/numbers';
import type { FlowPath, FlowPolicy } from '../../domain/topology/topology';
import type { NodeRef } from '../../domain/base/ids';
import type { TopologyView } from '../select/topology-view';
import { CONTROL_STATION, type ControlCursor } from './control-frames';
import type { Node } from './node';

/** Stations that an INODE remembers, at most: places of its table. */
const STATIONS = 8192;
/** How often the other INODEs of the cluster are told of a station that goes on sending. */
const TELL_EVERY_US = STATION_AGE_US / 5;
const ETHERNET_ADDRESSES = 12;

/**
 * What an INODE knows of stations in bridge domains of three networks and more, and which way frames to them take. It learns
 * from frames that enter, and from frames that leave here having entered elsewhere, as those to groups do at every INODE
 * cluster of the domain; the INODEs of one cluster tell each other. It makes nothing where no topology has such a domain.
 */
export class Learning {
  private stations: Stations | undefined;
  /** Stations that were not learned, because no place was left. */
  private unlearned = 0;

  constructor(
    private readonly node: Node,
    private readonly peers: () => readonly NodeRef[],
  ) {}

  /** What the node's statistics say. */
  counted(): Readonly<Record<string, number>> {
    return this.unlearned > 0 ? { stationsUnlearned: this.unlearned } : {};
  }

  /** Whether any frame may teach something. */
  get isOn(): boolean {
    return this.node.ctx.topologies.hasLearning;
  }

  /** Learns who sent the frames of a list, which have entered by their network (`S_NETWORK`). */
  entered(list: number, n: number): void {
    const { ctx } = this.node;
    const { u16, u32 } = ctx.arena;
    for (let i = 0; i < n; i++) {
      const address = ctx.slot(u32[(list >>> 2) + i]);
      this.hear(address, u16[(address + S_NETWORK) >>> 1]);
    }
  }

  /** A frame leaves: learns who sent it, and sends it to the network of this cluster where its destination stands. */
  leaves(address: number, flow: number, reverse: boolean): void {
    const { u16 } = this.node.ctx.arena;
    const view = this.node.viewOf(flow);
    this.hear(address, reverse ? u16[(flow + F_NET_REV) >>> 1] : this.entranceOf(flow));
    const network = u16[(address + S_NETWORK) >>> 1];
    const towards = this.towards(address, network, false);
    if (towards !== 0 && view.bridges.areTogether(network, towards)) u16[(address + S_NETWORK) >>> 1] = towards;
  }

  /** The path to where the destination of a frame stands; undefined: that is not known, or no path leads there. */
  pathFor(address: number, policy: FlowPolicy, view: TopologyView): FlowPath | undefined {
    const network = this.node.ctx.arena.u16[(address + S_NETWORK) >>> 1];
    const towards = this.towards(address, network, false);
    return towards === 0 || towards === network ? undefined : view.bridges.pathTo(policy, network, towards);
  }

  /** Whether a frame from or to a network is for one station, of which it is not known where it stands. */
  isUnknown(address: number): boolean {
    const { u8, u16, u32 } = this.node.ctx.arena;
    const network = u16[(address + S_NETWORK) >>> 1];
    const frame = address + u32[(address + S_OFF) >>> 2];
    if (u32[(address + S_LEN) >>> 2] < ETHERNET_ADDRESSES + 2 || (u8[frame] & 1) !== 0) return false;
    return this.domainOf(network, false) !== 0 && this.towards(address, network, false) === 0;
  }

  /** Where the destination of a frame stands by now, if its known connection's flow leads elsewhere; else 0. */
  elsewhere(address: number, connection: number): number {
    const { u8, u16, u32 } = this.node.ctx.arena;
    const flow = u32[(connection + C_FLOW) >>> 2];
    const network = u16[(address + S_NETWORK) >>> 1];
    // Another INODE's are looked at there.
    const towards = flow === 0 || !this.node.emits(flow) ? 0 : this.towards(address, network, true);
    if (towards === 0 || towards === network) return 0;
    const { bridges } = this.node.viewOf(flow);
    const isForward = (u8[address + S_SRC_IS_B] === 1) === isTurned(u32[(connection + C_STATE) >>> 2]);
    const leads = isForward ? u16[(flow + F_NET_REV) >>> 1] : this.entranceOf(flow);
    const isThere = leads === 0 || bridges.areTogether(leads, towards);
    return isThere || !bridges.joins(network, towards) ? 0 : towards;
  }

  /** Another INODE of the cluster has heard a station. */
  onTold(body: ControlCursor): void {
    const domain = body.readU16();
    const vlan = body.readU16();
    const network = body.readU16();
    this.learn(domain, vlan, body.position, network, false);
  }

  /** The network where the destination of a frame stands; 0 = it is not known, to a group, or in no such domain. */
  private towards(address: number, network: number, latest: boolean): number {
    const { ctx } = this.node;
    const { u8, u32 } = ctx.arena;
    const domain = this.domainOf(network, latest);
    if (domain === 0 || this.stations === undefined) return 0;
    const frame = address + u32[(address + S_OFF) >>> 2];
    if (u32[(address + S_LEN) >>> 2] < ETHERNET_ADDRESSES + 2 || (u8[frame] & 1) !== 0) return 0;
    return this.stations.find(domain, vlanOf(u8, frame), frame, ctx.now);
  }

  /** The network by which a flow entered, or, at its far end, one at the same INODE cluster. */
  private entranceOf(flow: number): number {
    const { side, ctx } = this.node;
    const own = ctx.arena.u16[(flow + F_NET_FWD) >>> 1];
    return own !== 0 ? own : this.node.viewOf(flow).bridges.entranceOf(side.path[this.node.aux(flow)]);
  }

  private hear(address: number, network: number): void {
    const { u8, u32 } = this.node.ctx.arena;
    const domain = this.domainOf(network, true);
    const frame = address + u32[(address + S_OFF) >>> 2];
    const isShort = u32[(address + S_LEN) >>> 2] < ETHERNET_ADDRESSES + 2;
    // A group sends nothing.
    if (domain === 0 || isShort || (u8[frame + 6] & 1) !== 0) return;
    this.learn(domain, vlanOf(u8, frame), frame + 6, network, true);
  }

  private learn(domain: number, vlan: number, mac: number, network: number, tells: boolean): void {
    const { ctx } = this.node;
    const stations = this.stations ?? this.makeTable();
    const what = stations === undefined ? FULL : stations.hear(domain, vlan, mac, network, ctx.now);
    if (what === FULL) this.unlearned++;
    else if (tells && (what !== KNOWN || stations?.isDue(domain, vlan, mac, ctx.now, TELL_EVERY_US) === true))
      this.tell(domain, vlan, mac, network);
  }

  /** The table of the node's life before, emptied, or a new one. */
  private makeTable(): Stations | undefined {
    const { ctx, ref } = this.node;
    const before = ctx.stations.get(ref);
    before?.clear();
    const table = before ?? Stations.create(ctx.arena, STATIONS);
    if (table !== undefined) ctx.stations.set(ref, table);
    return (this.stations = table);
  }

  private tell(domain: number, vlan: number, mac: number, network: number): void {
    const { control, ctx, incarnation, ref } = this.node;
    for (const peer of this.peers()) {
      if (!control.begin(incarnation)) return;
      control.u16(domain);
      control.u16(vlan);
      control.u16(network);
      control.bytes(ctx.arena.u8.subarray(mac, mac + 6));
      control.send(ref, peer, CONTROL_STATION, 0);
    }
  }

  private domainOf(network: number, latest: boolean): number {
    const { topologies } = this.node.ctx;
    const view = latest ? topologies.latest : (topologies.active ?? topologies.latest);
    return view?.bridges.learningIn(network) ?? 0;
  }
}

/** The VLAN ID of a frame's outermost tag; 0 = untagged. */
function vlanOf(u8: Uint8Array, frame: number): number {
  const type = (u8[frame + 12] << 8) | u8[frame + 13];
  return type === ETHERTYPE_VLAN || type === ETHERTYPE_SERVICE_VLAN
    ? ((u8[frame + 14] << 8) | u8[frame + 15]) & 0xfff
    : 0;
}
