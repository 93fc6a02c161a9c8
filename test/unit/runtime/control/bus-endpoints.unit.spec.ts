import { createLocalBus } from '../../../../adapters/bus/local-bus';
import { subjectsOf } from '../../../../adapters/bus/subjects';
import {
  ANNOUNCEMENT_BYTES_MAX,
  decodeAnnounced,
  encodePublication,
} from '../../../../adapters/codec/topology-announcement';
import { createPrng } from '../../../../domain/base/prng';
import { nodeOf, clusterOf, nodeRef } from '../../../../domain/base/ids';
import type { PublishedTopology } from '../../../../domain/topology/topology';
import { BusAnnouncer, decodeHello, encodeHello, listenForHellos } from '../../../../runtime/control/bus-endpoints';
import { FILTER, SmallGrid } from './small-grid';

const subjects = subjectsOf('small');

describe('the control plane on the bus', () => {
  it('hears hellos, repeated ones too, and counts what is none', async () => {
    const grid = await new SmallGrid().up();
    const bus = createLocalBus({
      clock: grid.clock,
      timers: grid.clock,
      prng: createPrng(3),
      faults: { repeat: 0.5, reorder: 0.3 },
    });
    const intake = listenForHellos(grid.plane, bus, subjects);
    const silent = nodeRef(FILTER, 3);
    for (let round = 0; round < 30; round++) {
      grid.clock.advanceTo(grid.clock.now() + 10);
      for (const [ref, incarnation] of grid.nodes.lives) {
        if (ref === silent) continue;
        bus.publish(subjects.nodeHello('node'), encodeHello(clusterOf(ref), nodeOf(ref), incarnation));
      }
      bus.pump();
      await grid.plane.settle();
    }
    expect(grid.statusOf(FILTER, 3)).toBe('failed');
    expect(grid.statusOf(FILTER, 1)).toBe('active');
    for (const bytes of [[], [0xc1], [0x93, 0, 1, 1], [0x92, 1, 1]])
      bus.publish(subjects.nodeHello('x'), Uint8Array.from(bytes));
    bus.setFaults({});
    bus.pump();
    expect(intake.malformed).toBeGreaterThanOrEqual(4);
    intake.close();
  });

  it('announces what becomes of topologies, and alerts, as JSON', () => {
    const grid = new SmallGrid();
    const bus = createLocalBus({ clock: grid.clock, timers: grid.clock });
    const heard: unknown[] = [];
    bus.subscribe('flowgrid.small.>', (payload) => void heard.push(JSON.parse(new TextDecoder().decode(payload))));
    const announcer = new BusAnnouncer(bus, subjects);
    announcer.applied(3, 9);
    announcer.repin({ version: 1, wireId: 1, toVersion: 3, toWireId: 9 });
    announcer.retiring(1, 1);
    announcer.retired(1, 1);
    announcer.alert({ at: 5, about: 'AB', text: 'cluster AB has no member left' });
    bus.pump();
    expect(heard).toEqual([
      { kind: 'applied', version: 3, wireId: 9 },
      { kind: 'repin', version: 1, wireId: 1, toVersion: 3, toWireId: 9 },
      { kind: 'retiring', version: 1, wireId: 1 },
      { kind: 'retired', version: 1, wireId: 1 },
      { at: 5, about: 'AB', text: 'cluster AB has no member left' },
    ]);
  });

  it('FG-452: announces a topology with itself while its leadership has just published it, and it is not large', async () => {
    const grid = await new SmallGrid().up();
    const [{ topology, seq, hash, dead }] = grid.nodes.topologies as [PublishedTopology];
    const { version } = topology;
    const read = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));
    const whole = encodePublication({ topology, seq, hash, dead }, 3);
    expect(read(whole)).toEqual({ kind: 'published', version, seq, hash, epoch: 3, topology, dead });
    expect(decodeAnnounced(whole)).toEqual({ epoch: 3, published: { topology, seq, hash, dead } });
    const repeated = encodePublication({ topology, seq, hash, dead });
    const large = encodePublication({ topology, seq, hash, dead: Array<string>(1_000).fill('x'.repeat(40)) }, 3);
    const [cluster] = topology.clusters;
    const members = Array.from({ length: 700 }, () => cluster!.members[0]!);
    const larger = encodePublication(
      { topology: { ...topology, clusters: [{ ...cluster!, members }] }, seq, hash, dead },
      3,
    );
    for (const bytes of [repeated, large, larger]) {
      expect(read(bytes)).toEqual({ kind: 'published', version, seq, hash });
      expect(decodeAnnounced(bytes)).toBeUndefined();
    }
    expect(decodeAnnounced(Uint8Array.from([0xff]))).toBeUndefined();
    expect(decodeAnnounced(new Uint8Array(ANNOUNCEMENT_BYTES_MAX + 1))).toBeUndefined();
  });

  it('does not need the bus: with every message lost, what is committed is the same', async () => {
    const grid = await new SmallGrid().up();
    const bus = createLocalBus({ clock: grid.clock, timers: grid.clock, prng: createPrng(1), faults: { drop: 1 } });
    listenForHellos(grid.plane, bus, subjects);
    const { topology, seq, hash } = grid.nodes.topologies[0]!;
    new BusAnnouncer(bus, subjects).published(grid.nodes.topologies[0]!);
    bus.pump();
    expect(bus.counts.delivered).toBe(0);
    expect(await grid.plane.published(topology.version)).toEqual({ topology, seq, hash, dead: [] });
    expect(await grid.plane.published(99)).toBeUndefined();
  });

  it.each([
    [encodeHello(2, 3, 4), { ref: nodeRef(2, 3), incarnation: 4 }],
    [encodeHello(0, 3, 4), undefined],
    [encodeHello(2, 128, 4), undefined],
    [encodeHello(2, 3, 0), undefined],
    [encodeHello(2, 3, 1.5), undefined],
  ])('reads a hello from untrusted bytes: %p', (bytes, expected) => {
    expect(decodeHello(bytes)).toEqual(expected);
  });
});
