import { SimClock } from '../../../../adapters/sim/sim-clock';
import { type SwitchPort, type SwitchSettings, VlanSwitch } from '../../../../adapters/sim/vlan-switch';
import { BROADCAST, frameOf, hexOf, tag } from '../../../support/ethernet';
import { SimulatedLan } from '../../../support/simulated-lan';

const access = (vlan: number): SwitchPort => ({ pvid: vlan, untagged: [vlan] });

describe('VlanSwitch, where a Linux bridge cannot be told to do the same', () => {
  it('FG-494: forgets a station in the very moment in which its ageing time is over, unless it is heard again', async () => {
    const lan = new SimulatedLan();
    await lan.begin({ ports: [access(1), access(1)], ageingMs: 1000 });
    const known = (): number[] => lan.switch.addresses().map(({ mac }) => mac % 256);
    await lan.send(0, frameOf({ from: 1, to: BROADCAST }));
    lan.clock.advanceTo(lan.clock.now() + 600);
    await lan.send(0, frameOf({ from: 2, to: BROADCAST }));
    lan.clock.advanceTo(lan.clock.now() + 399);
    expect(known()).toEqual([1, 2]);
    lan.clock.advanceTo(lan.clock.now() + 1);
    expect(known()).toEqual([2]);
    await lan.send(0, frameOf({ from: 2, to: BROADCAST }));
    lan.clock.advanceTo(lan.clock.now() + 999);
    expect(known()).toEqual([2]);
  });

  it('FG-491: without ingress filtering a station may send for a VLAN that its port gets nothing of', async () => {
    const lan = new SimulatedLan();
    const leaf: SwitchPort = { pvid: 101, untagged: [100], ingressFiltering: false };
    await lan.begin({ ports: [{ pvid: 100, untagged: [100, 101] }, leaf, leaf] });
    await lan.send(1, frameOf({ from: 2, to: BROADCAST }));
    expect((await lan.collect()).map((frames) => frames.length)).toEqual([1, 0, 0]);
    await lan.send(0, frameOf({ from: 1, to: 2 }));
    expect((await lan.collect()).map((frames) => frames.length)).toEqual([0, 1, 1]);
  });

  it('FG-493: counts what goes no further by reason', async () => {
    const lan = new SimulatedLan();
    await lan.begin({ ports: [access(1), { tagged: [1] }] });
    await lan.send(0, frameOf({ from: 1, to: 1 }));
    await lan.send(0, frameOf({ from: 1, to: '0180c2000000' }));
    await lan.send(0, frameOf({ from: 1, to: 2, tags: [tag(7)] }));
    await lan.send(0, frameOf({ from: BROADCAST, to: 2 }));
    await lan.send(1, frameOf({ from: 1, to: 2 }));
    await lan.send(1, frameOf({ from: 1, to: 2, tags: [tag(1)] }).subarray(0, 17));
    expect((await lan.collect()).flat()).toEqual([]);
    const once = { cut: 1, source: 1, reserved: 1, 'no-vlan': 1, 'not-member': 1, 'same-port': 1 };
    expect(lan.switch.dropped).toEqual(once);
  });

  it('delivers after its latency, and to each port bytes that nobody else has', () => {
    const clock = new SimClock(0);
    const left: [at: number, port: number, frame: Uint8Array][] = [];
    const settings: SwitchSettings = { ports: [access(1), access(1), access(1)], latencyMs: 3 };
    const lan = new VlanSwitch(clock, settings, (port, frame) => left.push([clock.now(), port, frame]));
    const sent = frameOf({ from: 1, to: BROADCAST });
    lan.receive(0, sent);
    sent.fill(0);
    clock.advanceTo(2);
    expect(left).toEqual([]);
    clock.advanceTo(9);
    expect(left.map(([at, port]) => [at, port])).toEqual([
      [3, 1],
      [3, 2],
    ]);
    left[0]![2].fill(0);
    expect(Buffer.from(left[1]![2]).toString('hex')).toBe(hexOf({ from: 1, to: BROADCAST }));
  });

  it.each<[string, SwitchSettings, string]>([
    ['a VLAN that cannot be', { ports: [{ tagged: [4095] }] }, 'port 0: no VLAN can have the ID 4095'],
    ['a PVID of 0', { ports: [access(1), { pvid: 0 }] }, 'port 1: no VLAN can have the ID 0'],
    ['both forms', { ports: [{ tagged: [5], untagged: [5] }] }, 'port 0: VLAN 5 is both tagged and untagged'],
    ['pause frames let through', { ports: [], forwardReserved: 2 }, 'forwardReserved: 2'],
  ])('refuses %s', (_, settings, message) => {
    expect(() => new VlanSwitch(new SimClock(0), settings, () => undefined)).toThrow(message);
  });

  it('refuses a port that it does not have', () => {
    const lan = new VlanSwitch(new SimClock(0), { ports: [access(1)] }, () => undefined);
    expect(() => lan.receive(1, frameOf({ from: 1, to: 2 }))).toThrow('there is no port 1');
    expect(() => lan.configure(-1, {})).toThrow('there is no port -1');
  });
});
