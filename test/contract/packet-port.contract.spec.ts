import { OnePeer } from '../../dataplane/packet-ports/udp/peers';
import { UdpPort } from '../../dataplane/packet-ports/udp/udp-port';
import type { OpenPort } from '../../dataplane/packet-ports/port';
import { LinuxPacketPort } from '../../dataplane/packet-ports/linux/packet-port';
import { describeWithServer } from '../services/suite';
import { VethPair, vethAvailable } from '../support/lab/veth';
import { MemoryNet } from '../support/memory-net';
import { freeUdpPorts } from '../support/udp';
import { describePacketPort } from './packet-port.contract';

describePacketPort('UDP on loopback', async () => {
  const [one, two] = await freeUdpPorts(2);
  const port = (from: number, to: number): OpenPort =>
    UdpPort.opener({
      local: { host: '127.0.0.1', port: from },
      peers: new OnePeer({ host: '127.0.0.1', port: to }),
      newStream: () => from,
    });
  return { here: port(one!, two!), there: port(two!, one!) };
});

describePacketPort('in memory', async () => {
  const net = new MemoryNet();
  const port = (from: number, to: number): OpenPort => net.opener(`m:${from}`, new OnePeer({ host: 'm', port: to }));
  return { here: port(1, 2), there: port(2, 1) };
});

/** Room for the longest frame of all, behind its header. */
const MTU = 17_000;

describeWithServer('packet port on a network interface', vethAvailable, () => {
  let cable: VethPair;
  beforeAll(() => void (cable = VethPair.create(MTU)));
  afterAll(() => cable?.remove());

  describePacketPort('network interface', async () => ({
    here: LinuxPacketPort.opener(cable.here, 'a test'),
    there: LinuxPacketPort.opener(cable.there, 'a test'),
  }));
});
