import { VlanSwitch } from '../../../adapters/sim/vlan-switch';
import { LinuxPacketPort } from '../../../dataplane/packet-ports/linux/packet-port';
import { lanPlan, type Lan, type LanPort } from '../../../domain/link/plan';
import { WallClock } from '../../../runtime/programs/wall-clock';
import type { Host } from './network';
import { PortEnd } from '../port-end';
import { VethPair } from './veth';

/** Behind the header and a link's tag links take 9000 bytes. */
const MTU = 9_000;
/** What hosts call their interface on the LAN. */
export const LAN_INTERFACE = 'eth1';

/**
 * A LAN of cables between hosts and the simulated VLAN switch, which this process runs in real time: what it is told is what the
 * plan says, and nothing else.
 */
export class RealLan {
  readonly switch: VlanSwitch;
  private readonly cables: VethPair[] = [];
  private readonly ends: PortEnd[] = [];

  private constructor(lan: Lan, ports: readonly LanPort[]) {
    const plan = lanPlan(lan, ports);
    this.switch = new VlanSwitch(new WallClock(), { ports: plan.ports }, (port, frame) => {
      void this.ends[port]!.send([frame]);
    });
  }

  /** @param hosts in the order of the ports */
  static async start(lan: Lan, ports: readonly LanPort[], hosts: readonly Host[]): Promise<RealLan> {
    const real = new RealLan(lan, ports);
    for (const host of hosts) {
      const cable = VethPair.create(MTU, { name: LAN_INTERFACE, namespace: host.inside.at(-1)! });
      real.cables.push(cable);
      const end = new PortEnd();
      const number = real.ends.push(end) - 1;
      end.onReadable = () => real.forward(number);
      await end.open(LinuxPacketPort.opener(cable.here, 'a test'));
    }
    return real;
  }

  /** The interfaces of a port and its host go, and others of the same names come. */
  replug(number: number): void {
    this.cables[number]!.unplug();
    this.cables[number]!.plug();
    this.ends[number]!.port.mend!();
  }

  async stop(): Promise<void> {
    await Promise.all(this.ends.map(({ port }) => port.close()));
    await Promise.all(this.cables.map((cable) => cable.remove()));
  }

  private forward(number: number): void {
    const end = this.ends[number]!;
    while (end.take() > 0) for (const frame of end.received.splice(0)) this.switch.receive(number, frame);
  }
}
