import fc from 'fast-check';
import { nodeRef } from '../../../../domain/base/ids';
import { createPrng, type Prng } from '../../../../domain/base/prng';
import { decide } from '../../../../domain/decide';
import type { CommandBody } from '../../../../domain/commands';
import type { GridState } from '../../../../domain/grid-state';
import { isRejection } from '../../../../domain/message';
import type { NodeAddress } from '../../../../domain/node/address';
import type { LinkMember, VirtualLink } from '../../../../domain/topology/topology';
import { lanOf } from '../../../../projections/lan';
import { BROADCAST, frameOf } from '../../../support/ethernet';
import { InterfacesOnLan, nicHex } from '../../../support/interfaces-on-lan';
import { committed, NOW } from '../../domain/given';
import { link, linkGrid } from '../../domain/link/link-grid';
import { mayHear } from './random-links';

const CHANGES = 25;
const LATENCY_MS = 2;
const NODES: readonly NodeAddress[] = [1, 2].flatMap((cluster) => [1, 2, 3].map((node) => ({ cluster, node })));
const KINDS = ['cable', 'switch', 'hub', 'star', 'clustered'] as const;

const refOf = ({ cluster, node }: NodeAddress): number => nodeRef(cluster, node);

/** Links that come, change and go, while frames are sent on those that stay. */
class Churn {
  private state: GridState = linkGrid();
  private at = NOW;
  private nextId = 1;
  private readonly lan: InterfacesOnLan;
  /** What is to come to whom by which link, and what came, by number of the frame. */
  private expected: string[] = [];
  private got: string[] = [];
  private sent = 0;
  readonly counts = { changes: 0, frames: 0 };

  constructor(private readonly random: Prng) {
    const ports = NODES.map((node) => ({ name: `${node.cluster}-${node.node}`, nodes: [node] }));
    this.lan = new InterfacesOnLan(lanOf(this.state), ports, { latencyMs: LATENCY_MS });
    while (this.links.length < 12) this.change();
    this.lan.relink(lanOf(this.state));
    this.tellAll(() => undefined);
  }

  get links(): VirtualLink[] {
    return Object.values(this.state.links.links);
  }

  /** One link is created, changed or deleted; the ports hear of it one after the other, with frames between. */
  step(): void {
    const before = this.state.links.links;
    this.change();
    const after = this.state.links.links;
    const staying = Object.values(after).filter((each) => before[each.id] === each);
    if (staying.length < Math.max(this.links.length, Object.keys(before).length)) this.counts.changes++;
    this.sendOn(staying);
    this.lan.relink(lanOf(this.state));
    this.tellAll(() => this.sendOn(staying));
    this.sendOn(staying);
    this.lan.clock.advanceTo(this.lan.clock.now() + LATENCY_MS);
    this.takeIn();
    expect(this.got.sort()).toEqual(this.expected.sort());
    this.counts.frames += this.got.length;
    this.got = [];
    this.expected = [];
  }

  get slotsInUse(): number {
    return this.lan.slotsInUse;
  }

  private tellAll(between: () => void): void {
    const ports = NODES.map((_, port) => port);
    while (ports.length > 0) {
      this.lan.tell(ports.splice(this.random.below(ports.length), 1)[0]!);
      between();
    }
  }

  private sendOn(links: readonly VirtualLink[]): void {
    for (const each of links) {
      const senders = NODES.filter((node) => NODES.some((to) => mayHear(node, each, to, each)));
      if (senders.length === 0) continue;
      const from = senders[this.random.below(senders.length)]!;
      const hearers = NODES.filter((to) => mayHear(from, each, to, each));
      const one = this.random.below(2) === 0 ? hearers[this.random.below(hearers.length)]! : undefined;
      const number = this.sent++ & 0xffff;
      const frame = frameOf({ from: '0200000000aa', to: one === undefined ? BROADCAST : nicHex(refOf(one)), number });
      this.lan.send(NODES.indexOf(from), refOf(from), each.id, frame);
      const takers = one === undefined || each.kind === 'clustered' ? hearers : [one];
      for (const to of takers) this.expected.push(`${number} ${each.id} ${refOf(to)}`);
    }
    this.lan.clock.advanceTo(this.lan.clock.now() + this.random.below(3));
    this.takeIn();
  }

  private takeIn(): void {
    for (const { node, link: by, frame } of this.lan.taken()) {
      this.got.push(`${(frame[14]! << 8) | frame[15]!} ${by} ${node}`);
    }
  }

  private change(): void {
    const { links } = this;
    const draw = this.random.below(links.length < 12 ? 1 : 3);
    const old = links[this.random.below(links.length || 1)];
    if (draw === 0 || old === undefined) this.submit({ type: 'CreateVirtualLink', data: this.drawn(this.nextId++) });
    else if (draw === 1) this.submit({ type: 'ChangeVirtualLink', data: this.drawn(old.id) });
    else this.submit({ type: 'DeleteVirtualLink', data: { link: old.id } });
  }

  private drawn(id: number): VirtualLink {
    const kind = KINDS[this.random.below(KINDS.length)]!;
    const member = (): LinkMember =>
      this.random.below(4) === 0 ? { cluster: 1 + this.random.below(2) } : NODES[this.random.below(NODES.length)]!;
    const members = Array.from({ length: kind === 'cable' ? 2 : 2 + this.random.below(3) }, member);
    return link({ id, kind, members });
  }

  /** What cannot be is refused, and nothing changes. */
  private submit(body: CommandBody): void {
    this.at += 1_000;
    const decision = decide(this.state, { id: 'test', by: 'operator:test', deadline: this.at, at: this.at, body });
    if (!isRejection(decision) && decision.length > 0) this.state = committed(this.state, decision, this.at);
  }
}

describe('links that come and go', () => {
  it('FG-514: creating, changing and deleting links under traffic costs the others no frame, in whatever order nodes and switch hear', () => {
    const total = { changes: 0, frames: 0 };
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const churn = new Churn(createPrng(seed));
        for (let n = 0; n < CHANGES; n++) churn.step();
        expect(churn.slotsInUse).toBe(0);
        total.changes += churn.counts.changes;
        total.frames += churn.counts.frames;
      }),
      { numRuns: 15 },
    );
    expect(total.changes).toBeGreaterThan(100);
    expect(total.frames).toBeGreaterThan(10_000);
  });
});
