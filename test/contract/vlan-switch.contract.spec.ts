import * as fc from 'fast-check';
import { VLAN_MAX } from '../../adapters/sim/vlan-tag';
import type { SwitchPort, SwitchSettings } from '../../adapters/sim/vlan-switch';
import { describeWithServer } from '../services/suite';
import { BROADCAST, type EthernetFrame, frameOf, tag } from '../support/ethernet';
import { BRIDGE_PORTS, LinuxBridge, linuxBridgeAvailable } from '../support/lab/linux-bridge';
import { SimulatedLan } from '../support/simulated-lan';
import { describeVlanSwitch } from './vlan-switch.contract';

describeVlanSwitch('simulated', async () => new SimulatedLan());

describeWithServer('Linux bridge', linuxBridgeAvailable, () => {
  let bridge: LinuxBridge;
  beforeAll(async () => {
    bridge = await LinuxBridge.start();
  });
  afterAll(() => bridge?.stop());

  describeVlanSwitch('Linux', async () => bridge);

  it('FG-490, FG-491, FG-492, FG-493: whatever it is told and sent, the simulated one delivers the same frames', async () => {
    const simulated = new SimulatedLan();
    let delivered = 0;
    await fc.assert(
      fc.asyncProperty(Settings, fc.array(Batch, { minLength: 1, maxLength: 3 }), async (settings, batches) => {
        for (const lan of [simulated, bridge]) await lan.begin(settings);
        let number = 0;
        for (const { change, frames } of batches) {
          if (change !== undefined) {
            const port = change.port % settings.ports.length;
            for (const lan of [simulated, bridge]) await lan.configure(port, change.settings);
          }
          for (const { port, frame } of frames) {
            const bytes = frameOf({ ...frame, number: number++ });
            for (const lan of [simulated, bridge]) await lan.send(port % settings.ports.length, bytes);
          }
          const here = await simulated.collect();
          const there = await bridge.collect();
          expect(here).toEqual(there.slice(0, settings.ports.length));
          delivered += here.flat().length;
        }
      }),
      // To shrink means to try some hundreds of settings on a real bridge: the seed is told instead.
      { numRuns: 20, endOnFailure: true },
    );
    expect(delivered).toBeGreaterThan(100);
  });
});

/** The sentinel's own VLAN is not among them. */
const VLANS = [1, 2, 10, 4093];

/** A Linux bridge takes no PVID that the port is not in, and filters what comes in; see {@link SwitchPort}. */
const Port: fc.Arbitrary<SwitchPort> = fc
  .record({
    tagged: fc.subarray(VLANS),
    untagged: fc.subarray(VLANS),
    pvid: fc.option(fc.nat(), { nil: undefined, freq: 4 }),
  })
  .map(({ tagged, untagged, pvid }) => {
    const bare = untagged.filter((vlan) => !tagged.includes(vlan));
    const members = [...bare, ...tagged];
    return {
      tagged,
      untagged: bare,
      ...(pvid !== undefined && members.length > 0 && { pvid: members[pvid % members.length]! }),
    };
  });

/** Bits that a Linux bridge can be told, and the one that it has where no spanning tree runs. */
const Settings: fc.Arbitrary<SwitchSettings> = fc.record({
  ports: fc.array(Port, { minLength: 2, maxLength: BRIDGE_PORTS }),
  forwardReserved: fc.nat({ max: 0xffff }).map((mask) => (mask & ~7) | 1),
});

const Station = fc.integer({ min: 1, max: 5 });
const Frame: fc.Arbitrary<EthernetFrame> = fc.record({
  from: fc.oneof({ weight: 20, arbitrary: Station }, fc.constantFrom('000000000000', '0300000000aa')),
  to: fc.oneof(
    { weight: 5, arbitrary: Station },
    fc.constantFrom(9, BROADCAST, '01005e000001', '0180c2000010'),
    fc.nat({ max: 15 }).map((last) => `0180c200000${last.toString(16)}`),
  ),
  tags: fc.array(
    fc
      .tuple(
        fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...VLANS) }, fc.constantFrom(0, 3, VLAN_MAX + 1)),
        fc.nat({ max: 7 }),
        fc.oneof({ weight: 8, arbitrary: fc.constant(0x8100) }, fc.constant(0x88a8)),
      )
      .map(([vlan, priority, type]) => tag(vlan, priority, type)),
    { maxLength: 2 },
  ),
});

const Batch = fc.record({
  change: fc.option(fc.record({ port: fc.nat(), settings: Port }), { nil: undefined, freq: 1 }),
  frames: fc.array(fc.record({ port: fc.nat(), frame: Frame }), { minLength: 5, maxLength: 30 }),
});
