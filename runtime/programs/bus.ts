import { createLocalBus } from '../../adapters/bus/local-bus';
import { connectNatsBus } from '../../adapters/bus/nats-bus';
import type { Bus } from '../../domain/seams/bus';
import { readConnections } from './connections';
import type { Clock, Timers } from '../../domain/seams/clock';

/** The bus of NATS servers, or without any one that does not leave this process. `name` is shown in the server's list. */
export async function connectBus(
  { nats, connections }: { readonly nats?: string; readonly connections?: string },
  time: Clock & Timers,
  name: string,
): Promise<Bus> {
  if (nats === undefined) return createLocalBus({ clock: time, timers: time });
  const { nats: security } = readConnections(connections);
  return connectNatsBus({
    servers: nats.split(',').map((server) => server.trim()),
    name,
    ...(security === undefined ? {} : { security }),
  });
}
