import { SimClock } from '../../../adapters/sim/sim-clock';
import { Deadlines } from '../../../actors/deadlines';
import { Detector } from '../../../actors/detector';
import { createPrng } from '../../../domain/base/prng';

function service(): { clock: SimClock; deadlines: Deadlines; fired: string[] } {
  const clock = new SimClock(0);
  const fired: string[] = [];
  const deadlines = new Deadlines(clock, (key, dueAt) => fired.push(`${key}@${dueAt}/${clock.now()}`));
  return { clock, deadlines, fired };
}

describe('the timer service', () => {
  it('fires at each due time in turn, ties in order of setting', () => {
    const { clock, deadlines, fired } = service();
    for (const [key, due] of [
      ['c', 30],
      ['a', 10],
      ['b', 10],
      ['d', 20],
    ] as const)
      deadlines.set(key, due);
    clock.advanceTo(100);
    expect(fired).toEqual(['a@10/10', 'b@10/10', 'd@20/20', 'c@30/30']);
  });

  it('moves and clears deadlines', () => {
    const { clock, deadlines, fired } = service();
    deadlines.set('a', 10);
    deadlines.set('b', 20);
    deadlines.set('a', 40);
    deadlines.clear('b');
    expect(deadlines.nextDue()).toBe(40);
    clock.advanceTo(100);
    expect(fired).toEqual(['a@40/40']);
  });

  it('fires what a deadline sets at its own time, not at the end of the jump', () => {
    const clock = new SimClock(0);
    const times: number[] = [];
    const deadlines: Deadlines = new Deadlines(clock, (_, dueAt) => {
      times.push(clock.now());
      if (dueAt < 50) deadlines.set('again', dueAt + 10);
    });
    deadlines.set('again', 10);
    clock.advanceTo(1_000);
    expect(times).toEqual([10, 20, 30, 40, 50]);
  });

  it('fires nothing once closed', () => {
    const { clock, deadlines, fired } = service();
    deadlines.set('a', 10);
    deadlines.clearAll();
    clock.advanceTo(100);
    expect(fired).toEqual([]);
  });

  it.each([1, 2, 3])('agrees with a sorted list under random setting, moving and clearing (seed %i)', (seed) => {
    const prng = createPrng(seed);
    const { clock, deadlines, fired } = service();
    const oracle = new Map<string, { due: number; order: number }>();
    for (let order = 0; order < 500; order++) {
      const key = `k${prng.below(60)}`;
      if (prng.below(4) === 0) {
        deadlines.clear(key);
        oracle.delete(key);
      } else {
        const due = 1 + prng.below(200);
        deadlines.set(key, due);
        if (oracle.get(key)?.due !== due) oracle.set(key, { due, order });
      }
    }
    clock.advanceTo(1_000);
    const expected = [...oracle].sort(([, a], [, b]) => a.due - b.due || a.order - b.order);
    expect(fired).toEqual(expected.map(([key, { due }]) => `${key}@${due}/${due}`));
  });
});

describe('the detector', () => {
  function watching(): { clock: SimClock; detector: Detector; silences: string[] } {
    const clock = new SimClock(0);
    const silences: string[] = [];
    const deadlines = new Deadlines(clock, (key, dueAt) => {
      const silence = detector.check(Number(key.slice(Detector.KEY.length)), dueAt);
      if (silence !== undefined) silences.push(`${silence.incarnation}:${silence.lastSeen}@${dueAt}`);
    });
    const detector = new Detector(deadlines);
    detector.detectionMs = 30;
    return { clock, detector, silences };
  }

  it('reports a life that was silent for the detection time, and no sooner', () => {
    const { clock, detector, silences } = watching();
    detector.watch(7, 1, 0);
    for (let t = 10; t <= 100; t += 10) {
      clock.advanceTo(t);
      detector.hello(7, 1, t);
    }
    clock.advanceTo(129);
    expect(silences).toEqual([]);
    clock.advanceTo(130);
    expect(silences).toEqual(['1:100@130']);
  });

  it('does not take another life for the one it watches', () => {
    const { clock, detector, silences } = watching();
    detector.watch(7, 2, 0);
    clock.advanceTo(20);
    detector.hello(7, 1, 20);
    clock.advanceTo(31);
    expect(silences).toEqual(['2:0@30']);
  });

  it('stops watching', () => {
    const { clock, detector, silences } = watching();
    detector.watch(7, 1, 0);
    detector.unwatch(7);
    clock.advanceTo(500);
    expect(silences).toEqual([]);
    expect(detector.isWatching(7, 1)).toBe(false);
  });

  it('does not count a gap as silence, but what came before it', () => {
    const { clock, detector, silences } = watching();
    detector.watch(7, 1, 0);
    detector.watch(8, 1, 0);
    clock.advanceTo(20);
    detector.hello(7, 1, 20);
    detector.excuse(25, 10_000);
    clock.advanceTo(10_000);
    expect(silences).toEqual([]);
    clock.advanceTo(10_005);
    expect(silences).toEqual(['1:0@10005']);
    clock.advanceTo(10_025);
    expect(silences).toEqual(['1:0@10005', '1:20@10025']);
  });

  it('finds a dead node out over many gaps', () => {
    const { clock, detector, silences } = watching();
    detector.watch(7, 1, 0);
    for (let t = 0; t < 5_000; t += 1_000) {
      detector.excuse(t, t + 990);
      clock.advanceTo(t + 1_000);
    }
    expect(silences[0]).toBe('1:0@3000');
  });
});
