import { LINK_PROTOCOLS } from '../../../../domain/topology/topology';
import {
  filterMask,
  linkControlOf,
  MAC_CONTROL,
  NO_LINK_CONTROL,
  numberOf,
} from '../../../../dataplane/classify/link-control';

const LLC = 0;
const MACS: readonly (readonly [what: string, to: string, etherType: number, number: number])[] = [
  ['a BPDU', '0180c2000000', LLC, numberOf('spanningTree')],
  ["a provider bridge's BPDU", '0180c2000008', LLC, numberOf('spanningTree')],
  ['a BPDU of one VLAN', '01000ccccccd', 0x010b, numberOf('spanningTree')],
  ['a pause frame', '0180c2000001', 0x8808, MAC_CONTROL],
  ['a pause frame to one station', '02aabbccddee', 0x8808, MAC_CONTROL],
  ['anything to where pause frames go', '0180c2000001', 0x0800, MAC_CONTROL],
  ['LACP', '0180c2000002', 0x8809, numberOf('lacp')],
  ['LLDP to the nearest bridge', '0180c200000e', 0x88cc, numberOf('lldp')],
  ['LLDP past relays', '0180c2000003', 0x88cc, numberOf('lldp')],
  ['LLDP to the customer bridge', '0180c2000000', 0x88cc, numberOf('lldp')],
  ['CDP', '01000ccccccc', 0x2000, numberOf('cdp')],
  ['802.1X', '0180c2000003', 0x888e, numberOf('other')],
  ['the last reserved address', '0180c200000f', 0x88f7, numberOf('other')],
  ['an address that bridges forward', '0180c2000010', LLC, NO_LINK_CONTROL],
  ['MVRP, which bridges forward', '0180c2000021', 0x88f5, NO_LINK_CONTROL],
  ['the same in another block', '0180c2010000', LLC, NO_LINK_CONTROL],
  ["another of Cisco's addresses", '01000cccccce', 0x2000, NO_LINK_CONTROL],
  ['the same of another vendor', '01000dcccccc', 0x2000, NO_LINK_CONTROL],
  ['IPv4 multicast', '01005e000001', 0x0800, NO_LINK_CONTROL],
  ['broadcast', 'ffffffffffff', 0x0806, NO_LINK_CONTROL],
  ['a station', '00000ccccccc', 0x0800, NO_LINK_CONTROL],
];

describe('control protocols of a cable', () => {
  it.each(MACS)('FG-542: tells %s (%s) by address and EtherType', (_what, to, etherType, number) => {
    const frame = Buffer.concat([Buffer.alloc(3), Buffer.from(to, 'hex'), Buffer.alloc(8)]);
    expect(linkControlOf(frame, 3, etherType)).toBe(number);
  });

  it('FG-542: filters what is named, and pause frames always', () => {
    for (const protocol of LINK_PROTOCOLS) {
      const mask = filterMask([protocol]);
      const filtered = LINK_PROTOCOLS.filter((each) => (mask & (1 << numberOf(each))) !== 0);
      expect(filtered).toEqual([protocol]);
      expect(mask & (1 << MAC_CONTROL)).not.toBe(0);
    }
    expect(filterMask([])).toBe(1 << MAC_CONTROL);
    expect(filterMask(LINK_PROTOCOLS)).toBeLessThan(256);
  });
});
