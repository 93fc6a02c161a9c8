import { mix2 } from '../../domain/base/hash';
import { nodeRef, type Incarnation, type NodeRef } from '../../domain/base/ids';
import type { TopologyView } from '../select/topology-view';
import { CONTROL_DUTY, type ControlCursor } from './control-frames';
import type { Node } from './node';

/** What a `DUTY` frame says, in the low bits of its argument; above them stands the number of the asking. */
const ASK = 0;
const COPIED = 1;
const ON_DUTY = 2;
const KIND_BITS = 2;
const ASKINGS = 0xffff;
/** Rounds after which a newcomer asks again an elder who is silent, or whose copies did not all arrive. */
const ASK_AGAIN = 8;
/** Rounds in which a newcomer tells that it is in step. */
const TELL_ROUNDS = 3;

/** An INODE that holds entries which this one has not been told of. */
interface Elder {
  readonly incarnation: Incarnation;
  /** Number of the asking, so that what answers an earlier one is told apart. */
  asking: number;
  askedIn: number;
  received: number;
  complete: boolean;
}

/** An INODE that has asked for this one's entries. */
interface Newcomer {
  readonly incarnation: Incarnation;
  asking: number;
  /** Place in the connection table from which on nothing was sent yet; −1 = all is sent. */
  cursor: number;
  sent: number;
}

/** What the duty needs of the copies it hands over. */
export interface CopySource {
  /**
   * Sends copies of this node's own entries to `peer`, from table place `cursor` on, a bounded number, under
   * `asking`; counts each by `sent`. Returns where to go on; −1 after the last.
   */
  copyTo(peer: NodeRef, cursor: number, asking: number, sent: () => void): number;
}

/**
 * Which INODE is a key's home, and who may be one (DESIGN.md section 5, "home of a key"). The home of a key that nobody
 * knows is found by rendezvous of its hash over the INODEs on duty; it alone allocates.
 *
 * An INODE that joins, or returns with an empty table, knows none of the flows that began before, and would take each
 * for a new one. So it has no duty until it is in step: it asks its *elders* (who stand in a live topology that does
 * not name it) for copies of what they own, they send some at each hello round and then how many it was, and when all
 * elders have, it tells everybody. Until then it passes frames of unknown keys to the home among the elders. When an
 * elder dies before its copies have come, the newcomer asks all again: the heirs have the flows. Topologies older than
 * a newcomer carry all that it can lack; where there is none, nothing is lacking.
 */
export class HomeDuty {
  private readonly elders = new Map<NodeRef, Elder>();
  private readonly newcomers = new Map<NodeRef, Newcomer>();
  /** Newcomers that said that they are in step, by their life. */
  private readonly inStep = new Map<NodeRef, Incarnation>();
  /** Whom a key may have as home, in this node's view; itself included while it is on duty. */
  private candidates: NodeRef[] = [];
  private stale = true;
  private on = true;
  private tellUntil = 0;

  constructor(
    private readonly node: Node,
    private readonly source: CopySource,
  ) {}

  /** Whether this node lacks nothing, and so may allocate. */
  get isOn(): boolean {
    if (this.stale) this.refresh();
    return this.on;
  }

  /** The INODE that is to classify a key's first frame; this node itself where there is nobody else. */
  homeOf(hash: number): NodeRef {
    if (this.stale) this.refresh();
    const { candidates } = this;
    let best = this.node.ref;
    let bestScore = -1;
    for (let i = 0; i < candidates.length; i++) {
      const score = mix2(hash, candidates[i]);
      if (score > bestScore) {
        best = candidates[i];
        bestScore = score;
      }
    }
    return best;
  }

  /** A topology was installed, stamped or retired, or an INODE of the cluster died. */
  changed(): void {
    this.stale = true;
  }

  /** An INODE of the cluster died: what it had not handed over, its heirs have; what it had begun to tell, they repeat. */
  siblingDied(): void {
    this.stale = true;
    const { obituary } = this.node;
    const isGone = (ref: NodeRef, incarnation: Incarnation): boolean => obituary.isDead(ref, incarnation);
    let lacking = false;
    for (const [ref, { incarnation, complete }] of this.elders) {
      if (!isGone(ref, incarnation)) continue;
      this.elders.delete(ref);
      lacking ||= !complete;
    }
    if (lacking) for (const elder of this.elders.values()) this.askAnew(elder, 0);
    for (const [ref, { incarnation }] of this.newcomers) if (isGone(ref, incarnation)) this.newcomers.delete(ref);
    for (const peer of this.peers()) {
      const known = this.newcomers.get(peer);
      if (known !== undefined) known.cursor = 0;
      else this.newcomers.set(peer, { incarnation: this.lifeOf(peer), asking: 0, cursor: 0, sent: 0 });
    }
  }

  /** At each hello round: asks, hands over, tells. */
  tick(): void {
    if (this.stale) this.refresh();
    const { round } = this.node.ctx;
    const isMember = this.lifeOf(this.node.ref) === this.node.incarnation;
    for (const [ref, elder] of this.elders) {
      if (!isMember || elder.complete || round < elder.askedIn) continue;
      elder.askedIn = round + ASK_AGAIN;
      this.tell(ref, ASK, elder.asking);
    }
    for (const [ref, newcomer] of this.newcomers) this.handOver(ref, newcomer);
    if (this.on && round < this.tellUntil) for (const peer of this.peers()) this.tell(peer, ON_DUTY, 0);
  }

  /** `DUTY`: another INODE asks for copies, has sent all, or is in step. */
  onDuty(body: ControlCursor, from: NodeRef, incarnation: Incarnation, argument: number): void {
    if (this.stale) this.refresh();
    const asking = argument >>> KIND_BITS;
    switch (argument & ((1 << KIND_BITS) - 1)) {
      case ASK:
        this.onAsk(from, incarnation, asking);
        break;
      case COPIED:
        this.onCopied(from, asking, body.readU32());
        break;
      case ON_DUTY:
        this.inStep.set(from, incarnation);
        this.stale = true;
        break;
    }
  }

  /** A copy came that was asked for, and is kept. */
  received(from: NodeRef, asking: number): void {
    const elder = this.elders.get(from);
    if (elder !== undefined && elder.asking === asking) elder.received++;
  }

  /** The other live INODEs of the cluster, as the latest topology has them. */
  peers(): readonly NodeRef[] {
    const view = this.node.ctx.topologies.latest;
    if (view === undefined || !view.hasCluster(this.node.cluster)) return [];
    const { members } = this.node.clusterIn(view);
    if (members.length < 2) return [];
    return members
      .map(({ node }) => nodeRef(this.node.cluster, node))
      .filter((ref) => ref !== this.node.ref && !this.node.obituary.isDeadIn(view, ref));
  }

  private onAsk(from: NodeRef, incarnation: Incarnation, asking: number): void {
    // Not a member as far as this node knows: it will ask again.
    if (this.lifeOf(from) !== incarnation) return;
    const known = this.newcomers.get(from);
    if (known?.incarnation === incarnation && known.asking === asking) {
      if (known.cursor < 0) this.tell(from, COPIED, asking, known.sent);
      return;
    }
    this.inStep.delete(from);
    this.stale = true;
    this.newcomers.set(from, { incarnation, asking, cursor: 0, sent: 0 });
  }

  private onCopied(from: NodeRef, asking: number, sent: number): void {
    const elder = this.elders.get(from);
    if (elder === undefined || elder.asking !== asking || elder.complete) return;
    if (elder.received < sent) {
      this.askAnew(elder, ASK_AGAIN);
      return;
    }
    elder.complete = true;
    this.stale = true;
  }

  private handOver(ref: NodeRef, newcomer: Newcomer): void {
    if (newcomer.cursor < 0) return;
    newcomer.cursor = this.source.copyTo(ref, newcomer.cursor, newcomer.asking, () => newcomer.sent++);
    if (newcomer.cursor < 0 && newcomer.asking !== 0) this.tell(ref, COPIED, newcomer.asking, newcomer.sent);
  }

  private askAnew(elder: Elder, wait: number): void {
    elder.asking = (elder.asking % ASKINGS) + 1;
    elder.askedIn = this.node.ctx.round + wait;
    elder.received = 0;
    elder.complete = false;
  }

  private tell(to: NodeRef, kind: number, asking: number, count = 0): void {
    const { control, ref, incarnation } = this.node;
    if (!control.begin(incarnation)) return;
    control.u32(count);
    control.send(ref, to, CONTROL_DUTY, (asking << KIND_BITS) | kind);
  }

  private lifeOf(ref: NodeRef): Incarnation {
    return this.node.ctx.topologies.latest?.incarnationOf(ref) ?? 0;
  }

  /** Works out anew who is whose elder, whether this node lacks anything, and whom a key may have as home. */
  private refresh(): void {
    this.stale = false;
    const { node } = this;
    const view = node.ctx.topologies.latest;
    if (view === undefined || !view.hasCluster(node.cluster)) return;
    const peers = this.peers();
    this.refreshElders(view, peers);
    const was = this.on;
    this.on = [...this.elders.values()].every(({ complete }) => complete);
    if (this.on && !was) this.tellUntil = node.ctx.round + TELL_ROUNDS;
    const isHome = (peer: NodeRef): boolean => {
      if (!this.on) return this.elders.has(peer);
      const life = this.lifeOf(peer);
      return this.inStep.get(peer) === life || !this.isOlder(node.ref, node.incarnation, peer, life);
    };
    const homes = peers.filter(isHome);
    if (this.on && view.incarnationOf(node.ref) === node.incarnation) homes.push(node.ref);
    // What begins now carries the stamped topology, to which a life that it does not name is that of a dead node.
    const stamped = node.ctx.topologies.active ?? view;
    const named = homes.filter((ref) => stamped.incarnationOf(ref) === this.lifeOf(ref));
    // A node that drains begins nothing new while another can.
    const active = named.filter((ref) => isActive(view, ref));
    this.candidates = [active, named, homes].find(({ length }) => length > 0)?.sort((a, b) => a - b) ?? [];
  }

  private refreshElders(view: TopologyView, peers: readonly NodeRef[]): void {
    const { node } = this;
    for (const ref of this.elders.keys()) if (!peers.includes(ref)) this.elders.delete(ref);
    for (const peer of peers) {
      const incarnation = view.incarnationOf(peer);
      const known = this.elders.get(peer)?.incarnation === incarnation;
      if (!this.isOlder(peer, incarnation, node.ref, node.incarnation)) this.elders.delete(peer);
      else if (!known) this.elders.set(peer, { incarnation, asking: 1, askedIn: 0, received: 0, complete: false });
    }
  }

  /** Whether a live topology names life `a` of one node and not life `b` of another: flows of it are unknown to `b`. */
  private isOlder(a: NodeRef, lifeOfA: Incarnation, b: NodeRef, lifeOfB: Incarnation): boolean {
    let older = false;
    this.node.ctx.topologies.forEach((view) => {
      older ||= view.incarnationOf(a) === lifeOfA && view.incarnationOf(b) !== lifeOfB;
    });
    return older;
  }
}

function isActive(view: TopologyView, ref: NodeRef): boolean {
  const member = view.cluster(ref >>> 7).members.find(({ node }) => node === (ref & 0x7f));
  return member?.state === 'active';
}
