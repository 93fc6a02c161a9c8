import fc from 'fast-check';
import { SimClock } from '../../../../adapters/sim/sim-clock';

describe('SimClock', () => {
  it('fires chained timers at their own times within one jump', () => {
    const clock = new SimClock(0);
    const fired: number[] = [];
    const chain = (left: number): void => {
      clock.schedule(clock.now() + 1000, () => {
        fired.push(clock.now());
        if (left > 1) chain(left - 1);
      });
    };
    chain(3);
    clock.advanceTo(5000);
    expect(fired).toEqual([1000, 2000, 3000]);
    expect(clock.now()).toBe(5000);
  });

  it('fires ties in order of scheduling and leaves out the cancelled', () => {
    const clock = new SimClock(10);
    const fired: string[] = [];
    clock.schedule(20, () => fired.push('a'));
    const cancel = clock.schedule(20, () => fired.push('b'));
    clock.schedule(20, () => fired.push('c'));
    cancel();
    clock.advanceTo(20);
    expect(fired).toEqual(['a', 'c']);
    expect(clock.nextDue()).toBeUndefined();
  });

  it('never goes back, and fires late deadlines now', () => {
    const clock = new SimClock(100);
    clock.advanceTo(50);
    expect(clock.now()).toBe(100);
    let at = 0;
    clock.schedule(30, () => (at = clock.now()));
    clock.advanceTo(100);
    expect(at).toBe(100);
  });

  it('fires any set of deadlines in order of (due, scheduling)', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200 }), (dues) => {
        const clock = new SimClock(0);
        const fired: [number, number][] = [];
        dues.forEach((due, index) => clock.schedule(due, () => fired.push([due, index])));
        clock.advanceTo(50);
        expect(fired).toEqual(dues.map((due, index) => [due, index]).sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!));
      }),
    );
  });
});
