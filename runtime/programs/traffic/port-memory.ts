import { randomBytes } from 'node:crypto';
import type { Endpoint } from '../../../domain/base/endpoint';
import { Arena } from '../../../dataplane/frames/arena';
import { SlotPool } from '../../../dataplane/frames/slots';
import type { PortListener, PortMemory } from '../../../dataplane/packet-ports/port';
import type { Peers } from '../../../dataplane/packet-ports/udp/peers';
import { UdpPort } from '../../../dataplane/packet-ports/udp/udp-port';

const SLOTS = 1024;
const BYTES = 8 * 1024 * 1024;

/** A UDP port with a memory of its own, for programs that send or take frames and host nothing. */
export interface AlonePort extends PortMemory {
  readonly port: UdpPort;
}

/** Such programs look every millisecond whether there is something to do. */
const NOBODY: PortListener = { readable: () => undefined, writable: () => undefined };

/** @throws FlowgridError `usage` when the address cannot be listened on. */
export async function openAlone(local: Endpoint, peers: Peers): Promise<AlonePort> {
  const arena = Arena.create({ slots: SLOTS, bytes: BYTES });
  const memory = { arena, slots: new SlotPool(arena) };
  const newStream = (): number => randomBytes(4).readUInt32BE();
  return { ...memory, port: await UdpPort.open(memory, NOBODY, { local, peers, newStream }) };
}
