import { createLocalBus } from '../../adapters/bus/local-bus';
import { connectNatsBus } from '../../adapters/bus/nats-bus';
import type { Bus } from '../../domain/seams/bus';
import type { Clock, Timers } from '../../domain/seams/clock';

/** The bus of NATS servers, or without any one that does not leave this process. `name` is shown in the server's list. */
export async function connectBus(nats: string | undefined, time: Clock & Timers, name: string): Promise<Bus> {
  if (nats === undefined) return createLocalBus({ clock: time, timers: time });
  return connectNatsBus({ servers: nats.split(',').map((server) => server.trim()), name });
}
