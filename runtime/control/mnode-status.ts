import type { Millis, Seq } from '../../domain/base/ids';
import type { Bus } from '../../domain/seams/bus';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { ControlPlane, ControlRole } from './control-plane';
import { LinkWatch, type AgentLinks } from './link-watch';

/** The subjects that MNODEs tell of themselves by; adapters/bus names them for a grid. */
export interface StatusSubjects {
  mnodeAsk(): string;
  /** With `*`: those of all MNODEs. */
  mnodeStatus(name: string): string;
}

/** How an MNODE stands, as it travels in JSON. */
export interface MnodeStatus {
  readonly name: string;
  readonly role: ControlRole;
  /** The newest commit that it has folded, and its hash. */
  readonly seq: Seq;
  readonly hash: string;
  readonly epoch: number;
  /** Commits that the leader has and it has not; null where no leader was heard. */
  readonly behind: number | null;
  /** Since when it has had this role, milliseconds since 1970. */
  readonly since: Millis;
  /**
   * Hash of the state that these commits come to: the same at every MNODE of the same commit. Only where somebody asked,
   * because it takes the whole state.
   */
  readonly stateHash?: string;
  /** How agents on a LAN stand with their interfaces of links; from the leader, where somebody asked and there are such agents. */
  readonly links?: readonly AgentLinks[];
}

/** How often an MNODE says how it stands without being asked. */
const EVERY_MS = 1_000;
/** How old what the leader said may be to count. */
const STALE_MS = 5 * EVERY_MS;

/** Tells on the bus how this MNODE stands, every second and when asked, and hears how the leader does. */
export class StatusTeller {
  private heard: { readonly seq: Seq; readonly at: Millis } | undefined;
  /** The newest state hash that somebody asked for. */
  private hashed: { readonly seq: Seq; readonly hash: string } | undefined;
  private role: ControlRole = 'idle';
  private since: Millis;
  private stopTimer: () => void = () => undefined;
  private readonly subscriptions;

  constructor(
    private readonly name: string,
    private readonly plane: ControlPlane,
    private readonly bus: Bus,
    private readonly subjects: StatusSubjects,
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly links: LinkWatch = new LinkWatch(),
  ) {
    this.since = clock.now();
    this.subscriptions = [
      bus.subscribe(subjects.mnodeAsk(), () => this.publish(this.answer())),
      bus.subscribe(subjects.mnodeStatus('*'), (payload) => this.hear(payload)),
    ];
    this.round();
  }

  status(): MnodeStatus {
    const { role, state, head } = this.plane;
    if (role !== this.role) {
      this.role = role;
      this.since = this.clock.now();
    }
    const isKnown = this.heard !== undefined && this.clock.now() - this.heard.at <= STALE_MS;
    const leaders = isKnown ? Math.max(0, this.heard!.seq - head.seq) : null;
    return {
      name: this.name,
      role,
      seq: head.seq,
      hash: head.hash,
      epoch: state.epoch,
      behind: role === 'leading' ? 0 : leaders,
      since: this.since,
    };
  }

  /** Says at once how it stands, for instance because its role has changed. */
  tell(): void {
    this.publish(this.status());
  }

  /** How it stands, for somebody who asks. */
  answer(): MnodeStatus {
    const status = this.status();
    const links = status.role === 'leading' ? this.links.standing(this.plane.state) : [];
    return { ...status, stateHash: this.stateHash(), ...(links.length === 0 ? {} : { links }) };
  }

  close(): void {
    this.stopTimer();
    for (const subscription of this.subscriptions) subscription.unsubscribe();
  }

  private publish(status: MnodeStatus): void {
    this.bus.publish(this.subjects.mnodeStatus(this.name), encoder.encode(JSON.stringify(status)));
  }

  private stateHash(): string {
    const { seq } = this.plane.head;
    if (this.hashed?.seq !== seq) this.hashed = { seq, hash: this.plane.stateHash() };
    return this.hashed.hash;
  }

  private round(): void {
    this.tell();
    this.stopTimer = this.timers.schedule(this.clock.now() + EVERY_MS, () => this.round());
  }

  private hear(payload: Uint8Array): void {
    const status = decodeStatus(payload);
    if (status?.role !== 'leading' || status.name === this.name) return;
    // Of two that both believe to lead the one of the greater epoch does.
    if (status.epoch >= this.plane.state.epoch) this.heard = { seq: status.seq, at: this.clock.now() };
  }
}

/** Asks every MNODE on the bus how it stands, and gathers what comes within a time, by name. */
export async function askStatus(
  bus: Bus,
  subjects: StatusSubjects,
  { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
  withinMs: number,
): Promise<MnodeStatus[]> {
  const heard = new Map<string, MnodeStatus>();
  const subscription = bus.subscribe(subjects.mnodeStatus('*'), (payload) => {
    const status = decodeStatus(payload);
    // What it tells everybody every second says less than its answer.
    if (status?.stateHash !== undefined || (status !== undefined && !heard.has(status.name)))
      heard.set(status.name, status);
  });
  bus.publish(subjects.mnodeAsk(), new Uint8Array());
  await new Promise<void>((go) => timers.schedule(clock.now() + withinMs, go));
  subscription.unsubscribe();
  return [...heard.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A status from untrusted bytes; undefined if it is none. */
export function decodeStatus(payload: Uint8Array): MnodeStatus | undefined {
  try {
    const told = JSON.parse(decoder.decode(payload)) as Partial<MnodeStatus> | null;
    const isStatus =
      typeof told?.name === 'string' && typeof told.hash === 'string' && [told.seq, told.epoch].every(Number.isInteger);
    return isStatus ? (told as MnodeStatus) : undefined;
  } catch {
    return undefined;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
