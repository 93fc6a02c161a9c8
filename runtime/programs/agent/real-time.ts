import { performance } from 'node:perf_hooks';
import type { Micros } from '../../../domain/base/ids';
import type { RealTime } from '../../agent/realtime-host';

/**
 * The time as it passes, from the wall clock's at the start of the process on: setting the clock later moves nothing, as
 * nodes whose time stood still would fall silent and be taken for dead.
 */
export function realTime(): RealTime {
  const micros = (): Micros => Math.floor((performance.timeOrigin + performance.now()) * 1000);
  return {
    micros,
    timers: {
      schedule: (dueAt, fire) => {
        const timer = setTimeout(fire, Math.max(0, dueAt - micros() / 1000));
        return () => clearTimeout(timer);
      },
    },
    soon: (work) => void setImmediate(work),
  };
}
