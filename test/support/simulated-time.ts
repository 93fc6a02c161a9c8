import type { SimClock } from '../../adapters/sim/sim-clock';
import type { RealTime } from '../../runtime/agent/realtime-host';

/** The simulated clock as a host's time; what a host wants done soon is put down in `due`. */
export function simulatedTime(clock: SimClock, due: (() => void)[]): RealTime {
  return { micros: () => clock.now() * 1000, timers: clock, soon: (work) => due.push(work) };
}
