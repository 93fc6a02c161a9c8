import { nodeRef } from '../../../../domain/base/ids';
import type { Millis, NodeRef } from '../../../../domain/base/ids';
import type { Prng } from '../../../../domain/base/prng';
import { cutOver, endFound, newCutover, type Cutover, type ResilientEnd } from '../../../../domain/link/cutover';
import { SENT } from '../../../../dataplane/links/counters';
import { lanOf } from '../../../../projections/lan';
import { frameOf } from '../../../support/ethernet';
import { InterfacesOnLan, nicHex } from '../../../support/interfaces-on-lan';
import { nodes } from '../../domain/link/examples';
import { ResilientWatch } from './resilient-watch';
import { and } from '../../domain/given';
import { link, linkGrid } from '../../domain/link/link-grid';

const RESILIENT = 1;
const CONTROL = 2;
export const HELLO_MS = 10;
export const MULTIPLIER = 3;
export const LATENCY_MS = 2;
/** A frame is under way no longer than that. */
export const DRAIN_MS = 2 * HELLO_MS;
const ROOT_PORT = 0;
export const PORTS: Readonly<Record<ResilientEnd, number>> = { primary: 1, standby: 2 };
const REFS = [1, 2, 3].map((node) => nodeRef(1, node)) as [NodeRef, NodeRef, NodeRef];
/** Numbers of hellos begin here, and tell lives. */
const HELLO_NUMBER = 0xff00;

export interface Sent {
  readonly at: Millis;
  /** The end that was connected when the root sent it, or that sent it itself. */
  readonly end: ResilientEnd;
  readonly isFromRoot: boolean;
  readonly isGroup: boolean;
  /** Who was handed it, each time. */
  readonly handed: { readonly by: NodeRef; readonly at: Millis }[];
}

export interface Change {
  readonly at: Millis;
  readonly to: ResilientEnd;
  /** What the root holds possible to be lost with the end that was connected; 0 where that is up. */
  readonly inDoubt: number;
  readonly wasUp: boolean;
}

/** The root knows that a life of an end is over, and what may have been lost with it since its last sign. */
export interface Found {
  readonly at: Millis;
  readonly end: ResilientEnd;
  readonly inDoubt: number;
}

/**
 * A root and the two ends of its resilient link on a simulated LAN; hellos on a switch of their own. The root watches the ends
 * and has switch and interfaces told who is connected. Frames go both ways all the time, each with a number of its own.
 */
export class ResilientWorld {
  readonly lan: InterfacesOnLan;
  readonly sent: Sent[] = [];
  readonly changes: Change[] = [];
  readonly found: Found[] = [];
  state: Cutover;
  private watch = new ResilientWatch(REFS[1], REFS[2], MULTIPLIER);
  private readonly lives = { primary: 1, standby: 1 };
  /** The lives that have said hello: before, a node takes no part, and sends nothing else. */
  private readonly greeted = { primary: 0, standby: 0 };

  constructor(
    private readonly random: Prng,
    private readonly restoreMs: Millis | undefined,
    /** Of a thousand hellos so many are lost, and the ends send nothing else. */
    private readonly lostHellos = 0,
  ) {
    const bodies = [
      link({ id: RESILIENT, kind: 'resilient', members: nodes(3) }),
      link({ id: CONTROL, kind: 'switch', members: nodes(3), control: true }),
    ].map((data) => ({ type: 'CreateVirtualLink', data }) as const);
    const ports = [1, 2, 3].map((node) => ({ name: `IA-${node}`, nodes: [{ cluster: 1, node }] }));
    this.lan = new InterfacesOnLan(lanOf(and(linkGrid(), ...bodies)), ports, { latencyMs: LATENCY_MS });
    this.state = newCutover(this.now);
  }

  get now(): Millis {
    return this.lan.clock.now();
  }

  kill(end: ResilientEnd): void {
    this.lan.dead.add(PORTS[end]);
  }

  revive(end: ResilientEnd): void {
    this.lives[end]++;
    this.lan.dead.delete(PORTS[end]);
  }

  isAlive(end: ResilientEnd): boolean {
    return !this.lan.dead.has(PORTS[end]);
  }

  /** A millisecond: some frames each way, and at its time the round of hellos. */
  step(): void {
    if (this.now % HELLO_MS === 0) this.round();
    for (let n = this.random.below(4); n > 0; n--) this.sendFromRoot();
    for (const end of ['primary', 'standby'] as const) if (this.random.below(2) === 0) this.sendFromEnd(end);
    this.lan.clock.advanceTo(this.now + 1);
    this.takeIn();
  }

  private sendFromRoot(): void {
    const isGroup = this.random.below(4) === 0;
    const end = this.state.connected;
    const frame = frameOf({
      from: '0200000000aa',
      to: isGroup ? '01005e000001' : nicHex(REFS[PORTS[end]]!),
      number: this.sent.length,
    });
    this.sent.push({ at: this.now, end, isFromRoot: true, isGroup, handed: [] });
    this.lan.send(ROOT_PORT, REFS[0], RESILIENT, frame);
  }

  /** Both ends always try: who is not connected must not get through. */
  private sendFromEnd(end: ResilientEnd): void {
    if (!this.isAlive(end) || this.lostHellos > 0 || this.greeted[end] < this.lives[end]) return;
    const frame = frameOf({ from: '0200000000bb', to: nicHex(REFS[0]), number: this.sent.length });
    this.sent.push({ at: this.now, end, isFromRoot: false, isGroup: false, handed: [] });
    this.lan.send(PORTS[end], REFS[PORTS[end]]!, RESILIENT, frame);
  }

  private round(): void {
    for (const end of ['primary', 'standby'] as const) {
      if (!this.isAlive(end) || this.random.below(1_000) < this.lostHellos) continue;
      this.greeted[end] = this.lives[end];
      const number = HELLO_NUMBER + this.lives[end];
      const hello = frameOf({ from: nicHex(REFS[PORTS[end]]!), to: nicHex(REFS[0]), number });
      this.lan.send(PORTS[end], REFS[PORTS[end]]!, CONTROL, hello, REFS[0]);
    }
    this.watch.tick(this.sentByRoot);
    const { now } = this;
    for (const end of ['primary', 'standby'] as const) {
      const before = this.state;
      this.state = endFound(before, end, this.watch.isUp(end), now);
      const isOver = this.watch.isReborn(end) || (this.state !== before && !this.state[end].isUp);
      if (isOver) this.count(end);
    }
    const next = cutOver(this.state, this.restoreMs, now);
    if (next.connected !== this.state.connected) this.connect(next);
    for (const end of ['primary', 'standby'] as const) if (this.watch.isReborn(end)) this.watch.welcome(end);
  }

  private count(end: ResilientEnd): void {
    this.found.push({ at: this.now, end, inDoubt: this.watch.inDoubt(end, this.sentByRoot) });
  }

  private connect(next: Cutover): void {
    const before = this.state.connected;
    const wasUp = this.state[before].isUp;
    if (!wasUp) this.count(before);
    const inDoubt = wasUp ? 0 : this.found.at(-1)!.inDoubt;
    this.changes.push({ at: this.now, to: next.connected, inDoubt, wasUp });
    this.state = next;
    const onStandby = new Set(next.connected === 'standby' ? [RESILIENT] : []);
    // A planned change leaves the old end open for what is under way; one that failed hears nothing more.
    this.lan.change(wasUp ? { onStandby, draining: new Set([RESILIENT]) } : { onStandby });
    if (!wasUp) return;
    this.lan.clock.schedule(this.now + DRAIN_MS, () => {
      if (this.state === next || this.state.since === next.since) this.lan.change({ onStandby });
    });
  }

  private get sentByRoot(): number {
    const host = this.lan.hosts[ROOT_PORT]!;
    return host.at(host.find(REFS[0], RESILIENT)).counted[SENT]!;
  }

  private takeIn(): void {
    for (const { node, link: by, frame } of this.lan.taken()) {
      const number = (frame[14]! << 8) | frame[15]!;
      if (by === CONTROL || node === REFS[0])
        this.watch.heard(this.senderOf(by, frame, number), number > HELLO_NUMBER ? number - HELLO_NUMBER : 0);
      if (by === RESILIENT) this.sent[number]!.handed.push({ by: node, at: this.now });
    }
  }

  private senderOf(by: number, frame: Uint8Array, number: number): NodeRef {
    const end = by === CONTROL ? undefined : this.sent[number]!.end;
    return end === undefined ? nodeRef(frame[10]!, frame[11]!) : REFS[PORTS[end]]!;
  }
}
