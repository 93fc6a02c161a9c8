import { randomBytes } from 'node:crypto';
import type { Endpoint } from '../../../domain/base/endpoint';
import type { NodeLimits } from '../../../dataplane/node/node-group';
import type { OpenPort } from '../../../dataplane/packet-ports/port';
import { LinuxPacketPort } from '../../../dataplane/packet-ports/linux/packet-port';
import { OnePeer, type Peers } from '../../../dataplane/packet-ports/udp/peers';
import { UdpPort } from '../../../dataplane/packet-ports/udp/udp-port';
import type { AgentUnderlay, UdpNetwork } from '../../../interface/cli/programs';
import { DatagramUnderlay, LanUnderlay } from '../../agent/host-underlay';
import { RealtimeHost, type RealTime } from '../../agent/realtime-host';
import { realTime } from './real-time';

export interface HostingOptions {
  /** Name under which topologies place nodes here. */
  readonly agent: string;
  /** How nodes of other agents are reached. */
  readonly underlay: AgentUnderlay;
  readonly networks: readonly UdpNetwork[];
  /** The grid's secret, from which node keys are derived. */
  readonly secret: Uint8Array;
  /** Longest datagram; absent: as long as any frame needs. */
  readonly datagramBytes?: number;
  /** What relative paths of function modules start from. */
  readonly baseDirectory: string;
  /** Where function packages are installed; absent: none can be run. */
  readonly packages?: string;
  readonly kernels?: 'wasm' | 'ts';
  readonly limits?: Partial<NodeLimits>;
  /** Absent: the time as it passes. */
  readonly time?: RealTime;
}

/** Frames under way and held at once. */
const SLOTS = 16_384;
/** For tables and rings. */
const BYTES = 512 * 1024 * 1024;

/**
 * Makes the dataplane of an agent: its nodes live in this thread, in real time. They reach those of other agents by UDP or on a
 * LAN, and the external networks by UDP.
 *
 * @throws FlowgridError `usage` when an address cannot be listened on, or an interface opened; `unsupported` where there can
 *   be no such.
 */
export function startHosting(options: HostingOptions): Promise<RealtimeHost> {
  const { agent, underlay, networks, secret, baseDirectory, kernels, limits } = options;
  const open = (local: Endpoint, peers: Peers): OpenPort =>
    UdpPort.opener({
      local,
      peers,
      newStream: () => randomBytes(4).readUInt32BE(),
      ...(options.datagramBytes === undefined ? {} : { datagramBytes: options.datagramBytes }),
    });
  return RealtimeHost.start({
    agent,
    secret,
    baseDirectory,
    time: options.time ?? realTime(),
    slots: SLOTS,
    bytes: BYTES,
    taps: false,
    underlay:
      underlay.kind === 'lan'
        ? new LanUnderlay(LinuxPacketPort.opener(underlay.interface, '--lan'))
        : new DatagramUnderlay((peers) => open(underlay.listen, peers)),
    networks: networks.map(({ names, local, remote }) => ({ names, open: open(local, new OnePeer(remote)) })),
    ...(options.packages === undefined ? {} : { packages: options.packages }),
    ...(kernels === undefined ? {} : { kernels }),
    ...(limits === undefined ? {} : { limits }),
  });
}
