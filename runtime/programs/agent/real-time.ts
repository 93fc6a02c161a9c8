import type { RealTime } from '../../agent/realtime-host';
import { wallMicros } from '../wall-clock';

/**
 * The time as it passes, from the wall clock's at the start of the process on: setting the clock later moves nothing, as
 * nodes whose time stood still would fall silent and be taken for dead.
 */
export function realTime(): RealTime {
  return {
    micros: wallMicros,
    timers: {
      schedule: (dueAt, fire) => {
        const timer = setTimeout(fire, Math.max(0, dueAt - wallMicros() / 1000));
        return () => clearTimeout(timer);
      },
    },
    soon: (work) => void setImmediate(work),
  };
}
