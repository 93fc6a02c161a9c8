import { withEntry, withoutEntry } from '../base/entries';
import { unreachable } from '../base/errors';
import type { Probe, ProbeEvent } from './events';

/** Probe points by ID. */
export interface Probes {
  readonly [probe: number]: Probe;
}

export function evolveProbes(probes: Probes, event: ProbeEvent): Probes {
  switch (event.type) {
    case 'ProbeAttached':
      return withEntry(probes, event.data.id, event.data);
    case 'ProbeDetached':
      return withoutEntry(probes, event.data.probe);
    default:
      return unreachable(event);
  }
}
