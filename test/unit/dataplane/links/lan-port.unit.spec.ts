import { SimClock } from '../../../../adapters/sim/sim-clock';
import { VlanSwitch } from '../../../../adapters/sim/vlan-switch';
import { Arena } from '../../../../dataplane/frames/arena';
import { S_LEN, S_OFF, S_TO, SLOT_FRAME } from '../../../../dataplane/frames/layout';
import { SlotPool } from '../../../../dataplane/frames/slots';
import { loadKernels } from '../../../../dataplane/kernels/kernels';
import { LanPort } from '../../../../dataplane/links/lan-port';
import { LinkRoutes, NO_ROUTE } from '../../../../dataplane/links/link-routes';
import { VirtualInterface } from '../../../../dataplane/links/virtual-interface';
import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import type { ConnectedEnds } from '../../../../domain/link/connected-ends';
import { interfacesOf } from '../../../../domain/link/interfaces';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { lanOf } from '../../../../projections/lan';
import { frameOf } from '../../../support/ethernet';
import { sealed } from '../../../support/interfaces-on-lan';
import { SwitchedPort } from '../../../support/lan-net';
import { and } from '../../domain/given';
import { link, linkGrid } from '../../domain/link/link-grid';

const SLOTS = 512;
const [IA1, AB1, AB2, IC1] = [nodeRef(1, 1), nodeRef(2, 1), nodeRef(2, 2), nodeRef(3, 1)] as const;
const LINKS: readonly VirtualLink[] = [
  link({ id: 1, kind: 'star', members: [{ cluster: 1 }, { cluster: 2 }] }),
  link({ id: 2, kind: 'cable', members: [{ cluster: 2 }, { cluster: 3 }], direction: 'forward' }),
  link({ id: 3, members: [{ cluster: 1 }, { cluster: 2 }, { cluster: 3 }], control: true }),
];

function lan() {
  return lanOf(and(linkGrid(), ...LINKS.map((data) => ({ type: 'CreateVirtualLink', data }) as const)));
}

describe('by which link a frame goes', () => {
  const arena = Arena.create({ slots: 1, bytes: 0 });
  const interfaces = [IA1, AB1, AB2, IC1].flatMap((ref) =>
    interfacesOf(lan(), { cluster: ref >>> 7, node: ref & 127 }).map((each) => new VirtualInterface(arena, each)),
  );
  const routes = new LinkRoutes(interfaces);
  const linkOf = (from: NodeRef, to: NodeRef, isControl: boolean): number | undefined => {
    const place = routes.place(from, to, isControl);
    if (place === NO_ROUTE) return undefined;
    expect(interfaces[place]!.ref).toBe(from);
    return interfaces[place]!.settings.link;
  };

  it('FG-513: flows go by the first link that takes them from the one node to the other, and by none that does not', () => {
    for (const [from, to] of [
      [IA1, AB1],
      [AB2, IA1],
    ] as const)
      expect(linkOf(from, to, false)).toBe(1);
    expect(linkOf(AB1, IC1, false)).toBe(2);
    expect([linkOf(IC1, AB1, false), linkOf(IA1, IC1, false)]).toEqual([undefined, undefined]);
  });

  it('FG-513: control goes where flows go, else by the control link, and so do flows between nodes of one cluster that no other link joins', () => {
    expect([linkOf(IA1, AB1, true), linkOf(IC1, AB1, true), linkOf(IA1, IC1, true)]).toEqual([1, 3, 3]);
    expect([linkOf(AB1, AB2, false), linkOf(AB1, AB2, true)]).toEqual([3, 3]);
    const alone = new LinkRoutes(interfaces.filter(({ settings }) => settings.link !== 3));
    expect(alone.place(IA1, AB1, true)).toBe(0);
    expect(alone.place(AB1, AB2, true)).toBe(NO_ROUTE);
  });

  it('FG-513: a resilient link leads to the end that is connected, and to both while one of them drains', () => {
    const members = [IA1, AB1, AB2].map((ref) => ({ cluster: ref >>> 7, node: ref & 127 }));
    const resilient = link({ kind: 'resilient', members });
    const grid = lanOf(and(linkGrid(), { type: 'CreateVirtualLink', data: resilient }));
    const reached = (ends: ConnectedEnds): NodeRef[] => {
      const own = members
        .flatMap((node) => interfacesOf(grid, node, ends))
        .map((each) => new VirtualInterface(arena, each));
      const found = new LinkRoutes(own);
      const fromEnds = [AB1, AB2].filter((ref) => found.place(ref, IA1, false) !== NO_ROUTE);
      return [...[AB1, AB2].filter((ref) => found.place(IA1, ref, false) !== NO_ROUTE), ...fromEnds];
    };
    const onStandby = new Set([1]);
    expect(reached({ onStandby: new Set() })).toEqual([AB1, AB1]);
    expect(reached({ onStandby })).toEqual([AB2, AB2]);
    expect(reached({ onStandby: new Set(), draining: onStandby })).toEqual([AB1, AB2, AB1, AB2]);
  });

  it('FG-513: control does not go by a resilient link where another way is: who hears late of a cutover would be mute', () => {
    const members = [IA1, AB1, AB2].map((ref) => ({ cluster: ref >>> 7, node: ref & 127 }));
    const bodies = [
      link({ id: 1, kind: 'resilient', members }),
      link({ id: 2, members: [{ cluster: 1 }, { cluster: 2 }], control: true }),
    ].map((data) => ({ type: 'CreateVirtualLink', data }) as const);
    const routes = (count: number): LinkRoutes => {
      const grid = lanOf(and(linkGrid(), ...bodies.slice(0, count)));
      const own = members.flatMap((node) => interfacesOf(grid, node));
      return new LinkRoutes(own.map((each) => new VirtualInterface(arena, each)));
    };
    const both = routes(2);
    expect([both.place(IA1, AB1, false), both.place(IA1, AB1, true), both.place(IA1, AB2, true)]).toEqual([0, 1, 1]);
    expect(both.place(IA1, AB2, false)).toBe(NO_ROUTE);
    const alone = routes(1);
    expect([alone.place(IA1, AB1, true), alone.place(IA1, AB2, true)]).toEqual([0, NO_ROUTE]);
  });
});

describe('a port that carries links over a LAN', () => {
  it('FG-513: gives back what a busy port does not take, as often as it is busy, and counts each frame once', () => {
    const arena = Arena.create({ slots: SLOTS, bytes: 1 << 20 });
    const slots = new SlotPool(arena);
    const clock = new SimClock(1_000);
    const left: Uint8Array[] = [];
    const ports = [{ tagged: [2048, 2049, 2050, 2051] }, { tagged: [2048, 2049, 2050, 2051] }];
    const lanSwitch = new VlanSwitch(clock, { ports }, (_, frame) => left.push(frame));
    const inner = new SwitchedPort(
      lanSwitch,
      0,
      { arena, slots },
      { readable: () => undefined, writable: () => undefined },
      3,
    );
    const port = new LanPort({ arena, slots }, loadKernels(arena), inner);
    port.install(interfacesOf(lan(), { cluster: 1, node: 1 }));
    const list = arena.allocate(4 * 64, 4);
    // Every fifth frame is for a node that no link leads to.
    const frames = Array.from({ length: 40 }, (_, number) => ({
      to: number % 5 === 4 ? IC1 : AB1,
      bytes: sealed(frameOf({ from: 1, to: 2, number }), IA1, number % 5 === 4 ? IC1 : AB1),
    }));
    let waiting = frames.map(({ to, bytes }) => {
      const slot = slots.allocate();
      const address = arena.slot(slot);
      arena.u8.set(bytes, address + SLOT_FRAME);
      arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
      arena.u32[(address + S_LEN) >>> 2] = bytes.length;
      arena.u16[(address + S_TO) >>> 1] = to;
      return slot;
    });
    for (let calls = 0; waiting.length > 0; calls++) {
      inner.takes = calls % 3;
      waiting.forEach((slot, i) => (arena.u32[(list >>> 2) + i] = slot));
      waiting = waiting.slice(port.send(list, waiting.length));
      expect(calls).toBeLessThan(200);
    }
    clock.advanceTo(clock.now() + 1);
    const sent = frames.filter(({ to }) => to === AB1);
    expect(left.map((frame) => (frame[18]! << 8) | frame[19]!)).toEqual(
      sent.map(({ bytes }) => (bytes[14]! << 8) | bytes[15]!),
    );
    for (const frame of left) expect((frame[14]! << 8) | frame[15]!).toBe(2048);
    expect(port.statistics()).toMatchObject({ framesOut: 32, dropped: { 'no-link': 8 } });
    expect(slots.countFree()).toBe(SLOTS);
  });
});
