import { needsClassifier, type Classifier } from '../classify/classifier';
import type { ConnectionTable } from '../flows/connection-table';
import {
  C_FLOW,
  D_FLAGS,
  DF_REEMITTED,
  F_BYTES_FWD,
  F_BYTES_REV,
  F_NET_FWD,
  F_NET_REV,
  F_PACKETS_FWD,
  F_PACKETS_REV,
  S_CONN,
  S_DESCRIPTOR,
  S_DESC_LEN,
  S_FLAGS,
  S_FLOW,
  S_LEN,
  S_NETWORK,
  S_PROTO,
  S_REASON,
  S_REVERSE,
  S_TIME,
  SF_MULTICAST,
} from '../frames/layout';
import { reason, REASONS } from '../frames/reasons';
import { PROTO_TCP } from '../headers/numbers';
import { WAY_OUT } from '../kernels/kernels';
import { isBareSyn } from '../classify/tcp';
import { BATCH } from './context';
import { BRIDGED, EXTERNAL_OUT } from './counters';
import type { Learning } from './learning';
import type { LinkControl } from './link-control';
import type { Node } from './node';
import type { Router } from './router';
import type { Siblings } from './siblings';

const FIRST_DROP = REASONS.indexOf('runt');
const NO_EGRESS = reason('no-egress');
const IN_DOUBT = reason('in-doubt');
const RING_FULL = reason('ring-full');
const LINK_CONTROL = reason('link-control');

/** The way out of the grid: what a frame tells about replies is registered before anybody outside sees it. */
export class Egress {
  private readonly flowsLeaving = new Uint32Array(BATCH);
  private readonly reverseLeaving = new Uint8Array(BATCH);

  constructor(
    private readonly node: Node,
    private readonly connections: ConnectionTable,
    private readonly siblings: Siblings,
    private readonly linkControl: LinkControl,
    private readonly router: Router,
    private readonly learning: Learning,
  ) {}

  /** Frames at the end of their path go out; every slot is taken over. `seed` keys the flow hash. */
  leave(classifier: Classifier | undefined, seed: number, list: number, n: number): void {
    const { ctx, counters } = this.node;
    const { u8, u16, u32, f64 } = ctx.arena;
    if (ctx.round < this.node.inheritsUntil) n = this.dropDoubtful(list, n);
    for (let i = 0; i < n; i++) {
      const address = ctx.slot(u32[(list >>> 2) + i]);
      const flow = u32[(address + S_FLOW) >>> 2];
      const reverse = u8[address + S_REVERSE];
      if (this.node.hasReturning && this.node.returns(flow)) this.countOnce(address, flow);
      this.flowsLeaving[i] = flow;
      this.reverseLeaving[i] = reverse;
      u16[(address + S_NETWORK) >>> 1] = u16[(flow + (reverse === 0 ? F_NET_REV : F_NET_FWD)) >>> 1];
      u16[(address + S_DESC_LEN) >>> 1] = 0;
      if (this.learning.isOn) this.learning.leaves(address, flow, reverse === 1);
    }
    ctx.kernels.parse(list, n, seed, ~seed >>> 0, WAY_OUT);
    ctx.kernels.lookupConnections(this.connections.address, list, n);
    const measures = this.node.figures.areNeeded;
    const { routing } = this.router;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      if (this.node.stateless.has(this.flowsLeaving[i])) this.letOut(address, this.flowsLeaving[i]);
      else if (needsClassifier(ctx.arena, address) || this.isOutlived(address, this.flowsLeaving[i]))
        this.observe(classifier, address, this.flowsLeaving[i], this.reverseLeaving[i] === 1);
      const network = u16[(address + S_NETWORK) >>> 1];
      if (network === 0) {
        this.node.drop(slot, NO_EGRESS);
        continue;
      }
      const isGroup = (u16[(address + S_FLAGS) >>> 1] & SF_MULTICAST) !== 0;
      if (ctx.topologies.hasBridges && (isGroup || this.isFlooded(address, i)))
        this.copyOut(slot, this.flowsLeaving[i], this.reverseLeaving[i] === 1);
      if (isGroup && this.linkControl.refuses(address, network)) {
        this.node.drop(slot, LINK_CONTROL);
        continue;
      }
      if (routing !== undefined && !this.router.lead(routing, slot, address, network)) continue;
      counters.values[EXTERNAL_OUT]++;
      const took = ctx.now - f64[(address + S_TIME) >>> 3];
      counters.countLatency(took);
      if (measures) this.node.figures.samplePath(this.node.side.path[this.node.aux(this.flowsLeaving[i])], took);
      ctx.observe('left', address, this.node.ref, 0);
      if (!ctx.handOut(slot, network)) this.node.drop(slot, RING_FULL);
    }
  }

  /** A frame that leaves by the INODE that it entered by was counted in its flow there. */
  private countOnce(address: number, flow: number): void {
    const { u8, u32, f64 } = this.node.ctx.arena;
    const isForward = u8[address + S_REVERSE] === 0;
    u32[(flow + (isForward ? F_PACKETS_FWD : F_PACKETS_REV)) >>> 2]--;
    f64[(flow + (isForward ? F_BYTES_FWD : F_BYTES_REV)) >>> 3] -= u32[(address + S_LEN) >>> 2];
  }

  /**
   * What backups emit again of the time before a flow fell to this INODE, the one before it may have let out: nobody else
   * knew. Such a frame is lost with that INODE, as what was on its way there, because it must not leave twice. Takes those
   * frames out of a list and returns how many are left.
   */
  private dropDoubtful(list: number, n: number): number {
    const { ctx, side } = this.node;
    const { u8, u32, f64 } = ctx.arena;
    let m = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      const isAgain = (u8[address + S_DESCRIPTOR + D_FLAGS] & DF_REEMITTED) !== 0;
      const since = side.inheritedAt[this.node.aux(u32[(address + S_FLOW) >>> 2])];
      if (isAgain && f64[(address + S_TIME) >>> 3] < since) this.node.drop(slot, IN_DOUBT);
      else u32[(list >>> 2) + m++] = slot;
    }
    return m;
  }

  /** A frame of a flow without an entry tells nothing that would be remembered, but that such flows live. */
  private letOut(address: number, flow: number): void {
    const { arena } = this.node.ctx;
    arena.u16[(address + S_REASON) >>> 1] = 0;
    if (!this.node.stateless.isFlagged(address)) return;
    const proto = arena.u8[address + S_PROTO];
    this.node.flood.carry(proto, proto === PROTO_TCP && isBareSyn(arena, address), this.node.viewOf(flow));
  }

  /** Whether a frame is for one station, of which it is not known where it stands, and not on the way that it came. */
  private isFlooded(address: number, i: number): boolean {
    return this.learning.isOn && this.reverseLeaving[i] === 0 && this.learning.isUnknown(address);
  }

  /** A broadcast or multicast frame, and one to a station that is not known, goes to every other network of its bridge domain that is connected here, too. */
  private copyOut(slot: number, flow: number, reverse: boolean): void {
    const { ctx, counters } = this.node;
    const { u16 } = ctx.arena;
    const { bridges } = this.node.viewOf(flow);
    const main = u16[(ctx.slot(slot) + S_NETWORK) >>> 1];
    for (const network of bridges.exits(this.node.side.path[this.node.aux(flow)], reverse)) {
      if (network === main) continue;
      counters.values[BRIDGED]++;
      if (this.linkControl.refuses(ctx.slot(slot), network)) {
        counters.drop(LINK_CONTROL);
        continue;
      }
      const copy = this.node.copyOf(slot);
      if (copy < 0) continue;
      const address = ctx.slot(copy);
      u16[(address + S_NETWORK) >>> 1] = network;
      counters.values[EXTERNAL_OUT]++;
      ctx.observe('left', address, this.node.ref, 0);
      if (!ctx.handOut(copy, network)) this.node.drop(copy, RING_FULL);
    }
  }

  /**
   * Whether a frame leaves on the connection of another flow, whose owner is dead and has nobody in its place: it has entered
   * anew, and so do its answers from now on.
   */
  private isOutlived(address: number, flow: number): boolean {
    const { node } = this;
    const { u32 } = node.ctx.arena;
    const connection = u32[(address + S_CONN) >>> 2];
    const known = connection === 0 ? flow : u32[(connection + C_FLOW) >>> 2];
    if (known === flow || known === 0) return false;
    return node.obituary.isDeadIn(node.viewOf(known), node.routeOf(known)[node.ownersPlace(known)]);
  }

  private observe(classifier: Classifier | undefined, address: number, flow: number, reverse: boolean): void {
    const { u16, u32 } = this.node.ctx.arena;
    const why = u16[(address + S_REASON) >>> 1];
    const known = u32[(address + S_CONN) >>> 2];
    const before = known === 0 ? 0 : u32[(known + C_FLOW) >>> 2];
    if (why < FIRST_DROP && classifier !== undefined) {
      const registered = classifier.observeLeaving(address, flow, reverse, this.node.ctx.now);
      const connection = u32[(address + S_CONN) >>> 2];
      if (!registered) {
        this.node.count('table-full');
        this.node.flood.exhausted();
      } else if (connection !== 0 && (connection !== known || u32[(connection + C_FLOW) >>> 2] !== before)) {
        this.node.side.connection[this.node.aux(flow)] = connection;
        // The reply may reach any INODE: all know the connection before the frame is out.
        this.siblings.announce(connection);
      }
    }
    u16[(address + S_REASON) >>> 1] = 0;
  }
}
