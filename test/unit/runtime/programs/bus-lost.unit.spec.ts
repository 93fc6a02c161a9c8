import { SimClock } from '../../../../adapters/sim/sim-clock';
import { Detector } from '../../../../actors/detector';
import { BusWatch } from '../../../../runtime/programs/mnode/bus-watch';
import type { ControlPlane } from '../../../../runtime/control/control-plane';
import { Helm } from '../../../../runtime/programs/mnode/helm';
import { Standing } from '../../../../runtime/programs/mnode/standing';

describe('an MNODE that loses the bus', () => {
  test('FG-407: is told after three seconds, and when the bus is back; what is shorter is nothing', () => {
    const clock = new SimClock(1_000);
    const bus = { connected: true };
    const told: string[] = [];
    const watch = new BusWatch(bus, clock, { lost: () => told.push('lost'), found: () => told.push('found') });
    const pass = (ms: number): void => {
      for (let i = 0; i < ms; i += 50) clock.advanceTo(clock.now() + 50);
    };
    bus.connected = false;
    pass(2_500);
    bus.connected = true;
    pass(500);
    bus.connected = false;
    pass(2_500);
    expect(told).toEqual([]);
    pass(1_000);
    expect(told).toEqual(['lost']);
    bus.connected = true;
    pass(300);
    expect(told).toEqual(['lost', 'found']);
    watch.close();
  });

  test('FG-407: stands for leadership no more until the bus is back, whatever fails on the way', async () => {
    const clock = new SimClock(1_000);
    const did: string[] = [];
    let failures = 1;
    const seat = {
      stand: async () => {
        did.push('stand');
        if (did.length > 1 && failures-- > 0) throw new Error('no broker answers');
      },
      withdraw: async () => did.push('withdraw') > 0,
    };
    const listener = { elected: () => undefined, lost: () => void did.push('lost') };
    const standing = new Standing(seat, listener, clock, () => did.push('failed'));
    const turns = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) await Promise.resolve();
    };
    await standing.begin();
    standing.want(false);
    standing.want(true);
    standing.want(false);
    await turns();
    expect(did).toEqual(['stand', 'withdraw', 'lost']);
    standing.want(true);
    await turns();
    expect(did.slice(3)).toEqual(['stand', 'failed']);
    clock.advanceTo(clock.now() + 500);
    await turns();
    expect(did.slice(5)).toEqual(['stand']);
    await standing.close();
  });

  test('FG-409: refuses commands before it leaves the log, when another is to lead', async () => {
    const did: string[] = [];
    const plane = {
      role: 'idle',
      start: async () => void (plane.role = 'leading'),
      standDown: async () => {
        did.push('stand down');
        plane.role = 'idle';
      },
    };
    const seat = { take: async () => void did.push('take'), leave: async () => void did.push('leave') };
    const events = { leading: async () => undefined, standingBy: () => undefined, failed: () => undefined };
    const helm = new Helm(plane as unknown as ControlPlane, seat, new SimClock(1_000), events);
    helm.elected();
    for (let i = 0; i < 20; i++) await Promise.resolve();
    helm.lost();
    for (let i = 0; i < 20; i++) await Promise.resolve();
    expect(did).toEqual(['leave', 'take', 'stand down', 'leave']);
    await helm.close();
  });

  test('FG-407: holds nobody dead for what it cannot hear, and counts silence anew afterwards', () => {
    const detector = new Detector({ set: () => undefined, clear: () => undefined });
    Object.assign(detector, { detectionMs: 1_000, blackoutMs: 15_000 });
    detector.watch(1, 1, 0);
    detector.hello(1, 1, 100);
    detector.setDeaf(true, 200);
    expect(detector.check(1, 600_000)).toBeUndefined();
    detector.setDeaf(false, 600_000);
    expect(detector.check(1, 600_900)).toBeUndefined();
    for (let at = 600_100; at <= 602_000; at += 100) detector.heard(at);
    expect(detector.check(1, 602_000)).toEqual({ incarnation: 1, lastSeen: 100 });
  });
});
