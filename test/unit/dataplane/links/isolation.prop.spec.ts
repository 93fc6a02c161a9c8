import fc from 'fast-check';
import { nodeRef } from '../../../../domain/base/ids';
import { createPrng, type Prng } from '../../../../domain/base/prng';
import type { LanPort } from '../../../../domain/link/plan';
import { countsOf } from '../../../../dataplane/links/counters';
import type { NodeAddress } from '../../../../domain/node/address';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { BROADCAST, frameOf, tag, type Tag } from '../../../support/ethernet';
import { InterfacesOnLan, nicHex, sealed, type Handed } from '../../../support/interfaces-on-lan';
import { mayHear, NETWORKS, placesOf, randomLan, type RandomLan } from './random-links';

const RUNS = 12;
const HOST = '0200000000aa';
const ETHERTYPE_AT = 12;

/** What is known of a frame by its number: where it came from, and on which link if it was not forged. */
interface Origin {
  readonly port: LanPort;
  readonly node?: NodeAddress;
  readonly link?: VirtualLink;
}

const refOf = ({ cluster, node }: NodeAddress): number => nodeRef(cluster, node);

/** A run: frames that are sent as they should be, then hostile ones between them, each with a number of its own. */
class Run {
  readonly world: RandomLan;
  readonly at: InterfacesOnLan;
  readonly links: readonly VirtualLink[];
  readonly tried = { genuine: 0, handed: 0, hostile: 0, hostileHanded: 0, outside: 0 };
  private readonly origins = new Map<number, Origin>();
  private readonly vlanOwners = new Map<number, VirtualLink[]>();
  private readonly random: Prng;
  /** Ports from which something was sent since the LAN was last at rest. */
  private readonly injecting = new Set<LanPort>();
  private seen: { readonly frame: Uint8Array; readonly port: number }[] = [];

  constructor(seed: number, links: number, alwaysFiltering: boolean) {
    this.world = randomLan(seed, links);
    this.random = createPrng(seed).fork('traffic');
    this.links = this.world.lan.links;
    this.at = new InterfacesOnLan(this.world.lan, this.world.ports, { alwaysFiltering });
    for (const [vlan, { link }] of Object.entries(this.world.lan.vlans)) this.own(Number(vlan), link);
    for (const { id, vlans } of this.links) for (const vlan of vlans ?? []) this.own(vlan, id);
  }

  /** Every node sends on each of its links, for everybody and for a node that hears it: exactly who should have it does. */
  sendGenuine(): void {
    for (const link of this.links) {
      const senders = this.world.nodes.filter((node) => placesOf(node, link).length > 0);
      const node = senders[this.random.below(senders.length)]!;
      this.sendOn(link, node, BROADCAST, () => true);
      const hearers = this.world.nodes.filter((to) => mayHear(node, link, to, link));
      if (hearers.length === 0 || link.kind === 'external') continue;
      const to = hearers[this.random.below(hearers.length)]!;
      this.sendOn(link, node, nicHex(refOf(to)), (at, { takesAll }) => takesAll || refOf(at) === refOf(to));
    }
  }

  /** As before, between hostile frames: nobody else has anything. */
  sendAmongHostile(frames: number): void {
    for (let n = 0; n < frames; n++) {
      this.forge();
      const link = this.links[this.random.below(this.links.length)]!;
      const node = this.world.nodes.find((each) => placesOf(each, link).length > 0)!;
      this.send(link, node, BROADCAST);
      this.check(this.at.settle());
    }
  }

  private sendOn(
    link: VirtualLink,
    node: NodeAddress,
    to: string,
    accepts: (at: NodeAddress, face: { takesAll: boolean }) => boolean,
  ): void {
    if (link.kind === 'replicated') return;
    this.send(link, node, to);
    const handed = this.at.settle();
    this.check(handed);
    const expected = this.links.flatMap((by) =>
      this.world.nodes
        .filter((at) => mayHear(node, link, at, by) && accepts(at, this.faceOf(at, by)))
        .map((at) => `${refOf(at)} ${by.id}`),
    );
    const got = handed.map((each) => `${each.node} ${each.link}`);
    expect({ link, node, to, got: got.sort() }).toEqual({ link, node, to, got: expected.sort() });
    this.tried.genuine++;
    this.tried.handed += handed.length;
  }

  private send(link: VirtualLink, node: NodeAddress, to: string): void {
    const port = this.portOf(node);
    const number = this.number({ port: this.world.ports[port]!, node, link });
    this.injecting.add(this.world.ports[port]!);
    const tags = link.vlans === undefined ? [] : [tag(link.vlans[0]!)];
    this.at.send(port, refOf(node), link.id, frameOf({ from: HOST, to, number, tags }));
  }

  /** A frame that nobody should send, on the wire of a port of nodes or of a network. */
  private forge(): void {
    const { random } = this;
    const place = random.below(this.world.ports.length);
    const port = this.world.ports[place]!;
    const [own] = port.nodes;
    this.injecting.add(port);
    const number = this.number({ port, ...(own === undefined ? {} : { node: own }) });
    const victim = this.world.nodes[random.below(this.world.nodes.length)]!;
    const from = random.below(2) === 0 || own === undefined ? victim : own;
    const to = [BROADCAST, nicHex(refOf(this.world.nodes[random.below(this.world.nodes.length)]!)), '01005e000001'][
      random.below(3)
    ]!;
    const plain = frameOf({
      from: random.below(2) === 0 ? HOST : nicHex(refOf(from)),
      to,
      number,
      tags: this.innerTags(),
    });
    // Who is outside holds no key; who is inside has its own.
    const key = own === undefined ? new Uint8Array(16) : undefined;
    const signed = own === undefined ? sealed(plain, refOf(victim), 0, key) : sealed(plain, refOf(own));
    const bytes = random.below(4) === 0 ? plain : signed;
    bytes.set(Buffer.from(random.below(2) === 0 ? nicHex(refOf(from)) : nicHex(refOf(own ?? victim)), 'hex'), 6);
    bytes.set(Buffer.from(to, 'hex'), 0);
    if (random.below(5) === 0) bytes[14 + random.below(bytes.length - 14)]! ^= 1 << random.below(8);
    const cut = random.below(12) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
    this.at.inject(place, tagged(cut, this.outerTags()));
    // What came to its own wire it can send again.
    const heard = this.seen.filter((each) => each.port === place);
    const again = heard[random.below(heard.length || 1)];
    if (again !== undefined && random.below(3) === 0) {
      this.at.inject(place, retagged(again.frame, this.anyVlan()));
    }
    this.tried.hostile++;
  }

  private innerTags(): Tag[] {
    return this.random.below(4) === 0 ? [tag(this.anyVlan(), 0, this.random.below(2) === 0 ? 0x8100 : 0x88a8)] : [];
  }

  private outerTags(): Tag[] {
    const types = [0x8100, 0x8100, 0x8100, 0x88a8];
    return Array.from({ length: this.random.below(3) }, () =>
      tag(
        this.random.below(12) === 0 ? [0, 1, 4095][this.random.below(3)]! : this.anyVlan(),
        0,
        types[this.random.below(4)]!,
      ),
    );
  }

  private anyVlan(): number {
    const all = [...this.vlanOwners.keys()];
    return all[this.random.below(all.length)]!;
  }

  /** Nobody got what the reference does not give them. */
  private check(handed: readonly Handed[]): void {
    for (const each of handed) this.checkHanded(each);
    for (const { port, frame } of this.at.arrived.splice(0)) {
      this.checkArrived(this.world.ports[port]!, frame);
      if (this.seen.push({ port, frame }) > 200) this.seen = this.seen.slice(100);
    }
    this.injecting.clear();
  }

  private checkHanded({ node, link, frame }: Handed): void {
    const by = this.links.find(({ id }) => id === link)!;
    const at = this.world.nodes.find((each) => refOf(each) === node)!;
    const number = numberIn(frame);
    const origin = number === undefined ? undefined : this.origins.get(number);
    expect(placesOf(at, by)).not.toEqual([]);
    if (by.kind === 'external') {
      // There is no descriptor beyond the grid's end: the switch keeps others out, where it filters.
      const isEntered = [...this.injecting].some((port) => this.mayEnter(port, by));
      expect({ by, origin, isEntered }).toEqual({ by, origin, isEntered: true });
      return;
    }
    // Believed is only what a node signed that may be heard there; copies that others sent again are its frames, too.
    const sent = by.kind === 'replicated' ? this.links.find(({ id }) => id === by.tap!.link)! : by;
    const from = origin === undefined ? [] : origin.port.nodes.filter((each) => mayHear(each, sent, at, by));
    expect({ by, at, origin, heard: from.length > 0 }).toEqual({ by, at, origin, heard: true });
    if (origin?.link === undefined) this.tried.hostileHanded++;
  }

  private mayEnter(from: LanPort, by: VirtualLink): boolean {
    const isOutside = by.members.some((member) => 'network' in member && member.network === from.network);
    const isInside = from.nodes.some((node) => placesOf(node, by).length > 0);
    const isUnfiltered = this.at.plan.ports.some(({ port, ingressFiltering }) => port === from && !ingressFiltering);
    if (isOutside) this.tried.outside++;
    return isOutside || isInside || isUnfiltered;
  }

  /** A frame came to a port only in a VLAN of a link that somebody there is a member of, or listens to. */
  private checkArrived(port: LanPort, frame: Uint8Array): void {
    const vlan = vlanOf(frame);
    const isTheirs = port.network === undefined ? this.isNodes(port, vlan) : this.isNetworks(port.network, vlan);
    expect({ port, vlan, isTheirs }).toEqual({ port, vlan, isTheirs: true });
  }

  /** On a switch that filters everywhere, what leaves send comes to each other's ports, too, and is dropped there. */
  private isNodes({ nodes }: LanPort, vlan: number | undefined): boolean {
    return (this.vlanOwners.get(vlan ?? -1) ?? []).some((of) =>
      this.links.some(
        (each) =>
          (each.id === of.id || each.tap?.link === of.id) && nodes.some((node) => placesOf(node, each).length > 0),
      ),
    );
  }

  private isNetworks(network: number, vlan: number | undefined): boolean {
    const links = this.links.filter(({ members }) =>
      members.some((each) => 'network' in each && each.network === network),
    );
    // To an untagged network frames go without their link's tag: what stands there is the frame's own.
    const theirs = links.filter(({ vlans }) => vlans === undefined || vlans.includes(vlan ?? -1));
    return theirs.some((of) => [...this.injecting].some((port) => this.mayEnter(port, of)));
  }

  private faceOf(node: NodeAddress, link: VirtualLink): { takesAll: boolean } {
    const host = this.at.hosts[this.portOf(node)]!;
    return host.at(host.find(refOf(node), link.id)).settings;
  }

  private portOf(node: NodeAddress): number {
    return this.world.ports.findIndex(({ nodes }) => nodes.some((each) => refOf(each) === refOf(node)));
  }

  private number(origin: Origin): number {
    this.origins.set(this.origins.size + 1, origin);
    return this.origins.size;
  }

  private own(vlan: number, id: number): void {
    this.vlanOwners.set(vlan, [...(this.vlanOwners.get(vlan) ?? []), this.links.find((link) => link.id === id)!]);
  }
}

function vlanOf(frame: Uint8Array): number | undefined {
  return frame[12] === 0x81 && frame[13] === 0 ? ((frame[14]! << 8) | frame[15]!) & 0xfff : undefined;
}

/** The number that a frame of these tests carries behind its tags; undefined: it carries none. */
function numberIn(frame: Uint8Array): number | undefined {
  let at = ETHERTYPE_AT;
  const word = (): number => (frame[at]! << 8) | frame[at + 1]!;
  while (word() === 0x8100 || word() === 0x88a8) at += 4;
  return word() === 0x88b5 ? (frame[at + 2]! << 8) | frame[at + 3]! : undefined;
}

function tagged(frame: Uint8Array, tags: readonly Tag[]): Uint8Array {
  const inserted = tags.flatMap(({ type, vlan }) => [type >> 8, type & 255, vlan >> 8, vlan & 255]);
  return Uint8Array.from([...frame.subarray(0, 12), ...inserted, ...frame.subarray(12)]);
}

function retagged(frame: Uint8Array, vlan: number): Uint8Array {
  return tagged(
    vlanOf(frame) === undefined ? frame : Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)]),
    [tag(vlan)],
  );
}

describe('isolation of virtual links', () => {
  it('FG-507: among hundreds of links and hostile frames nobody gets a frame who is not of its link', () => {
    const total = { genuine: 0, handed: 0, hostile: 0, hostileHanded: 0, outside: 0, refused: 0, dropped: 0 };
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 20, max: 300 }), fc.boolean(), (seed, links, alwaysFiltering) => {
        const run = new Run(seed, links, alwaysFiltering);
        run.sendGenuine();
        expect([...run.at.refused]).toEqual([]);
        run.sendAmongHostile(600);
        expect(run.at.slotsInUse).toBe(0);
        for (const key of Object.keys(run.tried) as (keyof typeof run.tried)[]) total[key] += run.tried[key];
        for (const count of run.at.refused.values()) total.refused += count;
        for (const { all } of run.at.hosts) {
          for (const { counted } of all) {
            const { received, delivered, given, sent, dropped } = countsOf(counted);
            const lost = Object.values(dropped).reduce((sum, n) => sum + n, 0);
            expect(received + given).toBe(delivered + sent + lost);
            total.dropped += lost;
          }
        }
      }),
      { numRuns: RUNS },
    );
    // The run was one: frames of every sort came, and were refused.
    for (const count of Object.values(total)) expect(count).toBeGreaterThan(RUNS);
    expect(NETWORKS).toHaveLength(3);
  });
});
