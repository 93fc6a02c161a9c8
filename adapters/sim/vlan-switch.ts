import type { Millis } from '../../domain/base/ids';
import { FlowgridError } from '../../domain/base/errors';
import type { Clock, Timers } from '../../domain/seams/clock';
import { isCut, NO_VLAN, outerTag, taggedFor, untagged, VLAN_MAX, vlanOf } from './vlan-tag';

/** What a port of a {@link VlanSwitch} is told. Absent lists are empty. */
export interface SwitchPort {
  /** VLAN of frames that come untagged or with a priority tag (6.9.1); absent: they are dropped. */
  readonly pvid?: number;
  /** VLANs that leave by the port with a tag. */
  readonly tagged?: readonly number[];
  /** VLANs that leave by the port without one (its untagged set, 6.9.2). */
  readonly untagged?: readonly number[];
  /** Whether frames are dropped that come for a VLAN which the port is not a member of (8.6.2). Absent = yes. */
  readonly ingressFiltering?: boolean;
}

export interface SwitchSettings {
  /** Ports have the numbers of their places. */
  readonly ports: readonly SwitchPort[];
  /** How long an address is remembered that nobody sends from (8.8.3). Absent = 300 s. */
  readonly ageingMs?: Millis;
  /**
   * Which group addresses are forwarded that a bridge keeps to itself (8.6.3): bit n is 01:80:C2:00:00:0n, as in Linux's
   * `group_fwd_mask`. Absent = none. Bit 1 cannot be set: MAC control (pause) is between two ends of a wire. A Linux bridge
   * that runs no spanning tree forwards as if bit 0 were set.
   */
  readonly forwardReserved?: number;
  /** From the last byte in to the first byte out. Absent = 0. */
  readonly latencyMs?: Millis;
}

/**
 * Why a frame went no further: cut short; a source that can be no station's; a reserved address; untagged without a PVID;
 * for a VLAN that the port is not in; or for a station on the port that it came by.
 */
export const SWITCH_DROPS = ['cut', 'source', 'reserved', 'no-vlan', 'not-member', 'same-port'] as const;
export type SwitchDrop = (typeof SWITCH_DROPS)[number];

/** What a port of the switch sends, once the clock is there. Each port gets bytes of its own. */
export type Deliver = (port: number, frame: Uint8Array) => void;

/** Where an address was heard last. */
export interface LearnedAddress {
  readonly vlan: number;
  /** As a 48-bit number. */
  readonly mac: number;
  readonly port: number;
}

interface Heard {
  port: number;
  at: Millis;
}

interface Membership {
  readonly pvid: number | undefined;
  readonly members: ReadonlySet<number>;
  readonly untagged: ReadonlySet<number>;
  readonly isFiltering: boolean;
}

const AGEING_MS = 300_000;
/** 01:80:C2:00:00:00; the last four bits are the sixteen reserved addresses (tables 8-1 to 8-3). */
const RESERVED = 0x0180c2000000;
const PAUSE = 1;

/**
 * A VLAN switch on an injected clock, as IEEE 802.1Q-2022 describes a C-VLAN bridge: ingress (6.9.1, 8.6.2), learning for
 * each VLAN by itself (8.7, 8.8.8), forwarding or flooding (8.6.3), egress (8.6.4, 6.9.2). There is no spanning tree, no
 * multicast registration and no queue that could be full.
 *
 * Two VLANs of which one goes each way never hear the stations that they lead to, as addresses are learned for the VLAN
 * in which they were sources: such a pair floods every frame, which is what a one-way link is made of.
 *
 * Only the outermost tag is looked at. A service tag (0x88A8) is none for a C-VLAN bridge, but payload.
 */
export class VlanSwitch {
  /** Frames that went no further, by reason; not those for which there was nobody else in their VLAN. */
  readonly dropped: Record<SwitchDrop, number> = {
    cut: 0,
    source: 0,
    reserved: 0,
    'no-vlan': 0,
    'not-member': 0,
    'same-port': 0,
  };
  private readonly ports: Membership[];
  private readonly ageingMs: Millis;
  private readonly latencyMs: Millis;
  private readonly forwardReserved: number;
  /** By VLAN, then by address. */
  private readonly heard = new Map<number, Map<number, Heard>>();

  /** @throws FlowgridError `usage` for settings that no switch can have. */
  constructor(
    private readonly clock: Clock & Timers,
    settings: SwitchSettings,
    private readonly deliver: Deliver,
  ) {
    this.ports = settings.ports.map(membershipOf);
    this.ageingMs = settings.ageingMs ?? AGEING_MS;
    this.latencyMs = settings.latencyMs ?? 0;
    this.forwardReserved = checkedMask(settings.forwardReserved ?? 0);
  }

  /** Tells a port something else. Addresses heard there in VLANs that it leaves are forgotten. */
  configure(port: number, settings: SwitchPort): void {
    this.port(port);
    const membership = membershipOf(settings, port);
    this.ports[port] = membership;
    for (const [vlan, addresses] of this.heard) {
      if (membership.members.has(vlan)) continue;
      for (const [mac, entry] of addresses) if (entry.port === port) addresses.delete(mac);
    }
  }

  /** A frame comes in by a port. What it becomes is delivered by timers, never during the call. */
  receive(port: number, frame: Uint8Array): void {
    const ingress = this.port(port);
    if (isCut(frame)) return this.drop('cut');
    const vlan = vlanOnIngress(ingress, outerTag(frame));
    if (vlan === undefined) return this.drop('no-vlan');
    if (ingress.isFiltering && !ingress.members.has(vlan)) return this.drop('not-member');
    const source = addressAt(frame, 6);
    if (isGroup(source) || source === 0) return this.drop('source');
    const destination = addressAt(frame, 0);
    const reserved = destination - RESERVED;
    if (reserved === PAUSE) return this.drop('reserved');
    this.learn(vlan, source, port);
    if (reserved >= 0 && reserved < 16 && (this.forwardReserved & (1 << reserved)) === 0) return this.drop('reserved');
    this.forward(vlan, destination, port, frame);
  }

  /** The addresses that it knows now, by VLAN and address. */
  addresses(): LearnedAddress[] {
    const all = [...this.heard].flatMap(([vlan, addresses]) =>
      [...addresses].filter(([, entry]) => this.isFresh(entry)).map(([mac, { port }]) => ({ vlan, mac, port })),
    );
    return all.sort((a, b) => a.vlan - b.vlan || a.mac - b.mac);
  }

  private learn(vlan: number, mac: number, port: number): void {
    let addresses = this.heard.get(vlan);
    if (addresses === undefined) this.heard.set(vlan, (addresses = new Map<number, Heard>()));
    addresses.set(mac, { port, at: this.clock.now() });
  }

  private forward(vlan: number, destination: number, from: number, frame: Uint8Array): void {
    const to = this.find(vlan, destination);
    if (to === from) return this.drop('same-port');
    if (to !== undefined) return this.send(to, vlan, frame);
    this.ports.forEach((_, port) => port !== from && this.send(port, vlan, frame));
  }

  /** Group addresses are never learned, hence always flooded. */
  private find(vlan: number, mac: number): number | undefined {
    const addresses = this.heard.get(vlan);
    const entry = addresses?.get(mac);
    if (entry === undefined) return undefined;
    if (this.isFresh(entry)) return entry.port;
    addresses!.delete(mac);
    return undefined;
  }

  private isFresh({ at }: Heard): boolean {
    return this.clock.now() - at < this.ageingMs;
  }

  private send(port: number, vlan: number, frame: Uint8Array): void {
    const egress = this.ports[port]!;
    if (!egress.members.has(vlan)) return;
    const bytes = egress.untagged.has(vlan) ? untagged(frame) : taggedFor(vlan, frame);
    this.clock.schedule(this.clock.now() + this.latencyMs, () => this.deliver(port, bytes));
  }

  private drop(reason: SwitchDrop): void {
    this.dropped[reason]++;
  }

  private port(number: number): Membership {
    const port = this.ports[number];
    if (port !== undefined) return port;
    throw unusable(`there is no port ${number}`, `name one of 0 to ${this.ports.length - 1}`);
  }
}

function vlanOnIngress({ pvid }: Membership, tag: number | undefined): number | undefined {
  if (tag === undefined || vlanOf(tag) === NO_VLAN) return pvid;
  return vlanOf(tag);
}

function membershipOf(settings: SwitchPort, port: number): Membership {
  const { pvid, tagged = [], untagged = [] } = settings;
  for (const vlan of [...tagged, ...untagged, ...(pvid === undefined ? [] : [pvid])]) {
    if (!Number.isInteger(vlan) || vlan < 1 || vlan > VLAN_MAX)
      throw unusable(`port ${port}: no VLAN can have the ID ${vlan}`, `use IDs of 1 to ${VLAN_MAX}`);
  }
  const both = tagged.find((vlan) => untagged.includes(vlan));
  if (both !== undefined)
    throw unusable(`port ${port}: VLAN ${both} is both tagged and untagged`, 'let frames leave in one form');
  return {
    pvid,
    members: new Set([...tagged, ...untagged]),
    untagged: new Set(untagged),
    isFiltering: settings.ingressFiltering ?? true,
  };
}

function checkedMask(mask: number): number {
  if (Number.isInteger(mask) && mask >= 0 && mask <= 0xffff && (mask & (1 << PAUSE)) === 0) return mask;
  throw unusable(`forwardReserved: ${mask}`, 'set bits 0 to 15 but for bit 1: pause frames go no further than a wire');
}

function unusable(what: string, remedy: string): FlowgridError {
  return new FlowgridError('usage', `simulated switch: ${what}`, { remedy });
}

/** Six bytes as a number, which a double holds. */
function addressAt(frame: Uint8Array, at: number): number {
  let mac = 0;
  for (let i = at; i < at + 6; i++) mac = mac * 256 + frame[i]!;
  return mac;
}

function isGroup(mac: number): boolean {
  return Math.floor(mac / 2 ** 40) % 2 === 1;
}
