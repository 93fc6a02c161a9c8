import type { NodeRef } from '../../domain/base/ids';
import { needsClassifier, type Classifier } from '../classify/classifier';
import { Classified } from '../classify/ports';
import type { ConnectionTable } from '../flows/connection-table';
import {
  C_FLOW,
  D_FLAGS,
  D_SEQUENCE,
  DF_FLOOD,
  F_EMITTER,
  S_CONN,
  S_DESCRIPTOR,
  S_FLOW,
  S_FRAGMENT,
  S_HASH,
  S_NETWORK,
  S_REASON,
  S_SEQ,
  S_FLAGS,
  S_REVERSE,
  SF_MULTICAST,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { FRAGMENT_FIRST } from '../headers/numbers';
import { WAY_IN } from '../kernels/kernels';
import type { Bridging } from './bridging';
import { BATCH } from './context';
import { FLOODED } from './counters';
import type { FirstFragments } from './first-fragments';
import type { Learning } from './learning';
import type { LinkControl } from './link-control';
import type { Node } from './node';
import type { PathMtu } from './path-mtu';
import type { Replicas } from './replicas';
import type { Router } from './router';
import type { Sender } from './sender';
import type { Siblings } from './siblings';

const NEW_CONNECTION = reason('new-connection');
const TCP_CONTROL = reason('tcp-control');
const ICMP_ERROR = reason('icmp-error');
const LATER_FRAGMENT = reason('later-fragment');
const RING_FULL = reason('ring-full');
const NONE: readonly number[] = [];
const LOOPED = reason('looped');
const LINK_CONTROL = reason('link-control');
const NO_ROUTE = reason('no-route');
/** How often INODEs pass one frame on, at most: they may disagree for a moment about who its key's home is. */
const HOPS_MAX = 4;

/**
 * The way into the grid ([0057–0059]): frames from external networks are parsed, found in the connection table or
 * classified, and stamped here, unless another INODE is their key's home or their flow's owner: then they go there.
 */
export class Ingress {
  private readonly stamped: number;
  /** Of the frames at hand: which INODE passed them, and how often they were passed. */
  private from: NodeRef = 0;
  private hops = 0;
  /** Frames of the batch at hand whose flow has no entry. */
  private lent = 0;

  constructor(
    private readonly node: Node,
    private readonly sender: Sender,
    private readonly connections: ConnectionTable,
    private readonly siblings: Siblings,
    private readonly replicas: Replicas,
    private readonly bridging: Bridging,
    private readonly firstFragments: FirstFragments,
    private readonly linkControl: LinkControl,
    private readonly router: Router,
    private readonly learning: Learning,
    private readonly mtu: PathMtu,
  ) {
    this.stamped = node.ctx.allocateList(BATCH);
  }

  /**
   * Takes up to BATCH frames of external networks, which INODE `from` (0 = none) has passed here, the `hops`th time for
   * them. `seed` keys the flow hash.
   */
  take(classifier: Classifier, seed: number, list: number, n: number, from: NodeRef, hops: number): void {
    this.from = from;
    this.hops = hops;
    this.lent = 0;
    const { ctx } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    ctx.kernels.parse(list, n, seed, ~seed >>> 0, WAY_IN);
    ctx.kernels.lookupConnections(this.connections.address, list, n);
    const { routing } = this.router;
    // What another INODE has passed here was admitted there.
    if (routing !== undefined && hops === 0) n = this.router.admit(routing, list, n);
    if (n === 0) return;
    const { isStrict } = this.linkControl;
    const learns = this.learning.isOn;
    if (learns) this.learning.entered(list, n);
    if (
      !isStrict &&
      !learns &&
      ctx.topologies.narrowest === Infinity &&
      ctx.kernels.areKnown(this.node.ref, list, n) === 1 &&
      !this.mtu.mayConcern(list, n)
    ) {
      u32.copyWithin(this.stamped >>> 2, list >>> 2, (list >>> 2) + n);
      this.stampAndSend(n);
      return;
    }
    let m = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      // Known connections of another INODE's flows are followed there alone.
      if (u32[(address + S_CONN) >>> 2] !== 0 && this.passesToOwner(slot, address, u32[(address + S_CONN) >>> 2]))
        continue;
      if (learns) this.leadElsewhere(classifier, address);
      const isNew = needsClassifier(ctx.arena, address);
      if ((isNew || isStrict) && this.linkControl.refuses(address, u16[(address + S_NETWORK) >>> 1])) {
        this.node.drop(slot, LINK_CONTROL);
        continue;
      }
      if (isNew && !this.admits(classifier, slot, address)) continue;
      if (this.passesToOwner(slot, address, u32[(address + S_CONN) >>> 2])) continue;
      if (u8[address + S_FRAGMENT] === FRAGMENT_FIRST) this.firstFragments.tell(address, seed);
      if (ctx.topologies.hasRare && this.isRare(address)) {
        // What goes on in its place goes behind the frames before it.
        this.stampAndSend(m);
        m = 0;
        this.sendRare(slot, address);
        continue;
      }
      u32[(this.stamped >>> 2) + m++] = slot;
    }
    this.stampAndSend(m);
  }

  /** A station has moved: a connection that goes to where it stood ends, and the frame begins another. */
  private leadElsewhere(classifier: Classifier, address: number): void {
    const { u8, u16, u32 } = this.node.ctx.arena;
    const why = u16[(address + S_REASON) >>> 1];
    const hasOwnKey = why !== NEW_CONNECTION && why !== LATER_FRAGMENT && why !== ICMP_ERROR;
    const found = u32[(address + S_CONN) >>> 2];
    const connection = found !== 0 || !hasOwnKey ? found : this.connections.find(address);
    const towards = connection === 0 ? 0 : this.learning.elsewhere(address, connection);
    if (towards === 0) return;
    if (this.bridging.turn(connection, towards)) {
      if (found !== 0) u32[(address + S_FLOW) >>> 2] = u32[(connection + C_FLOW) >>> 2];
      return;
    }
    classifier.end(connection, 'idle');
    u32[(address + S_CONN) >>> 2] = 0;
    u32[(address + S_FLOW) >>> 2] = 0;
    u8[address + S_REVERSE] = 0;
    if (why === 0) u16[(address + S_REASON) >>> 1] = NEW_CONNECTION;
  }

  /** Takes one fragment that waited for its datagram's first fragment, which has come, or did not. */
  takeReleased(classifier: Classifier, slot: number): void {
    const { ctx } = this.node;
    const address = ctx.slot(slot);
    this.from = 0;
    this.hops = 0;
    this.lent = 0;
    if (!this.admits(classifier, slot, address)) return;
    if (this.passesToOwner(slot, address, ctx.arena.u32[(address + S_CONN) >>> 2])) return;
    this.sendRare(slot, address);
  }

  /** Frames of a flow that had to wait enter now, in order. */
  resume(flow: number): void {
    this.node.entrances.resume(flow, (slot) => {
      this.lent = 0;
      this.node.ctx.one(this.stamped, slot);
      this.stampAndSend(1);
    });
  }

  /** Whether a frame may go on as several, or not at all: it goes to a group of a bridge domain, or may be too long. */
  private isRare(address: number): boolean {
    return this.mtu.concerns(address) || this.isBridged(address);
  }

  private isBridged(address: number): boolean {
    const { u8, u16 } = this.node.ctx.arena;
    if (u8[address + S_REVERSE] !== 0 || !this.node.ctx.topologies.hasBridges) return false;
    const isGroup = (u16[(address + S_FLAGS) >>> 1] & SF_MULTICAST) !== 0;
    return isGroup || (this.learning.isOn && this.learning.isUnknown(address));
  }

  /** Sends a frame, and its copies for the rest of a bridge domain, as far as they fit through their paths. */
  private sendRare(slot: number, address: number): void {
    const copies = this.isBridged(address) ? this.bridging.copiesOf(slot, address) : NONE;
    this.sendFitting(slot, address);
    for (const copy of copies) this.sendFitting(copy, this.node.ctx.slot(copy));
  }

  private sendFitting(slot: number, address: number): void {
    const { ctx } = this.node;
    const parts = !this.mtu.concerns(address) || this.mtu.passes(slot, address) ? [slot] : this.mtu.takeFragments();
    for (const part of parts) {
      ctx.one(this.stamped, part);
      this.stampAndSend(1);
    }
  }

  /** Whether a frame that needed the classifier goes into the grid; dropped and held ones do not. */
  private admits(classifier: Classifier, slot: number, address: number): boolean {
    if (this.passesHome(classifier, slot, address)) return false;
    const outcome = classifier.classify(address, this.node.ctx.now);
    if (outcome === Classified.held) {
      this.node.inFlight++;
      return false;
    }
    if (outcome === Classified.stateless) this.lent++;
    if (outcome !== Classified.dropped) return true;
    const why = this.node.ctx.arena.u16[(address + S_REASON) >>> 1];
    if (why === NO_ROUTE) this.router.refused(address);
    this.node.drop(slot, why);
    return false;
  }

  /**
   * A frame of an unknown connection goes to the key's home, and a later fragment to where its first one went, if that
   * is another INODE; not back to where it came from, who knows better than this node that it is not there.
   */
  private passesHome(classifier: Classifier, slot: number, address: number): boolean {
    const { arena } = this.node.ctx;
    const { u16, u32 } = arena;
    const { duty } = this.siblings;
    const why = u16[(address + S_REASON) >>> 1];
    if (u32[(address + S_CONN) >>> 2] !== 0 || this.hops >= HOPS_MAX) return false;
    const isLater = why === LATER_FRAGMENT;
    // What it quotes may be known to those alone who have been here longer.
    if (!isLater && why !== NEW_CONNECTION && why !== TCP_CONTROL && (why !== ICMP_ERROR || duty.isOn)) return false;
    const to = isLater
      ? this.firstFragments.targetOf(classifier, arena, address)
      : duty.homeOf(u32[(address + S_HASH) >>> 2]);
    return to !== this.node.ref && to !== this.from && this.passOn(slot, address, to);
  }

  /** A frame of a flow that another INODE stamps goes there. */
  private passesToOwner(slot: number, address: number, connection: number): boolean {
    const { u16, u32 } = this.node.ctx.arena;
    const flow = connection === 0 ? u32[(address + S_FLOW) >>> 2] : u32[(connection + C_FLOW) >>> 2];
    if (flow === 0) return false;
    const owner = u16[(flow + F_EMITTER) >>> 1];
    if (owner === this.node.ref || owner === 0) return false;
    if (connection !== 0) this.siblings.keepCopy(connection);
    if (this.hops >= HOPS_MAX) {
      this.node.drop(slot, LOOPED);
      return true;
    }
    return this.passOn(slot, address, owner);
  }

  private passOn(slot: number, address: number, to: NodeRef): boolean {
    if (this.siblings.pass(address, to, this.hops + 1)) this.node.ctx.slots.free(slot);
    else this.node.drop(slot, RING_FULL);
    return true;
  }

  private stampAndSend(m: number): void {
    const { ctx, entrances } = this.node;
    const n = m > 0 && entrances.areGuarded ? entrances.withhold(this.stamped, m) : m;
    if (n === 0) return;
    ctx.kernels.stamp(this.node.ref, this.stamped, n);
    this.replicas.copy(this.stamped, n);
    if (this.lent > 0) this.flag(n);
    this.sender.send(this.stamped, n);
    this.replicas.send();
  }

  /** Frames of flows without an entry say so (flag 7), and carry no number: nobody counts them. */
  private flag(m: number): void {
    const { ctx, counters, stateless } = this.node;
    const { u8, u32 } = ctx.arena;
    for (let i = 0; i < m; i++) {
      const address = ctx.slot(u32[(this.stamped >>> 2) + i]);
      if (!stateless.has(u32[(address + S_FLOW) >>> 2])) continue;
      const descriptor = address + S_DESCRIPTOR;
      u8[descriptor + D_FLAGS] |= DF_FLOOD;
      u8.fill(0, descriptor + D_SEQUENCE, descriptor + D_SEQUENCE + 4);
      u32[(address + S_SEQ) >>> 2] = 0;
      counters.values[FLOODED]++;
    }
  }
}
