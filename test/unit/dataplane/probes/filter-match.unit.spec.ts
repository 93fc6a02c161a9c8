import { join } from 'node:path';
import { parseFilter } from '../../../../domain/probe/filter';
import { Arena } from '../../../../dataplane/frames/arena';
import { compileFilter } from '../../../../dataplane/probes/filter-match';
import { FrameFields } from '../../../../dataplane/probes/frame-fields';
import { sealedFrame } from './sealed-frame';
import { readCaptureFile } from '../../../support/capture-file';
import { tsharkFields, withTshark } from '../../../support/tshark';

const arena = Arena.create({ slots: 1, bytes: 1 << 20 });
const place = arena.allocate(1 << 18);

function passes(filter: string, bytes: Uint8Array, isSealed = false): boolean {
  const fields = new FrameFields(arena);
  arena.u8.set(bytes, place);
  fields.read(place, bytes.length, isSealed);
  return compileFilter(parseFilter(filter))(fields);
}

/** Each filter with what Wireshark calls the same. */
const SAME: readonly (readonly [filter: string, display: string])[] = [
  ['ip', 'eth.type == 0x0800 || vlan.etype == 0x0800'],
  ['arp', 'eth.type == 0x0806 || vlan.etype == 0x0806'],
  ['ip6', 'eth.type == 0x86dd || vlan.etype == 0x86dd'],
  ['not ip and not ip6', '!(eth.type == 0x0800 || vlan.etype == 0x0800 || eth.type == 0x86dd || vlan.etype == 0x86dd)'],
  ['ether host ff:ff:ff:ff:ff:ff', 'eth.addr == ff:ff:ff:ff:ff:ff'],
  ['vlan', 'vlan'],
  ['less 100', 'frame.len <= 100'],
  ['greater 100', 'frame.len >= 100'],
];

/** The same for frames of the examples, where no protocol quotes another's header or is cut into fragments. */
const SAME_IN_EXAMPLES: readonly (readonly [filter: string, display: string])[] = [
  ['tcp', 'tcp'],
  ['udp', 'udp'],
  ['icmp', 'icmp'],
  ['tcp port 80', 'tcp.port == 80'],
  ['tcp dst port 80', 'tcp.dstport == 80'],
  ['src port 80 or dst port 53', 'tcp.srcport == 80 || udp.srcport == 80 || tcp.dstport == 53 || udp.dstport == 53'],
  ['portrange 20-22', '(tcp.port >= 20 && tcp.port <= 22) || (udp.port >= 20 && udp.port <= 22)'],
  ['host 192.0.2.11', 'ip.addr == 192.0.2.11'],
  ['src host 192.0.2.80 and tcp', 'ip.src == 192.0.2.80 && tcp'],
  ['net 192.0.2.0/26', 'ip.addr == 192.0.2.0/26'],
  ['dst net 192.0.2.64/26', 'ip.dst == 192.0.2.64/26'],
  ['not (tcp or udp)', '!(tcp || udp)'],
];

async function compare(file: string, pairs: typeof SAME): Promise<number> {
  const { frames } = readCaptureFile(file);
  let matched = 0;
  for (const [filter, display] of pairs) {
    const wanted = (await tsharkFields(file, ['frame.number'], '-Y', display)).map(([number]) => Number(number));
    const found = frames.flatMap(({ bytes }, i) => (passes(filter, bytes) ? [i + 1] : []));
    expect([filter, found]).toEqual([filter, wanted]);
    matched += found.length;
  }
  return matched;
}

withTshark('filters of probes against tshark')('FG-525: a filter passes what Wireshark finds', () => {
  it.each(['mixed.pcap', 'dns.pcap', 'ssh.pcap'])(
    'in %s',
    async (name) => {
      const file = join(__dirname, '../../../../examples/captures', name);
      expect(await compare(file, [...SAME, ...SAME_IN_EXAMPLES])).toBeGreaterThan(10);
    },
    300_000,
  );
});

describe('FG-525: a filter asks a descriptor', () => {
  const sealed = sealedFrame({ flowId: 0x01ab_cdef, flowType: 7, flags: 0x11, sequence: 3 });

  it.each([
    ['flow 0x01abcdef', true],
    ['flow 0x01abcdee', false],
    ['flowtype 7', true],
    ['control', false],
    ['start and reverse', true],
    ['replica', false],
    // By the frame's own addresses and length, not by those that it has inside the grid.
    ['ether src 02:00:5e:00:53:01', true],
    ['ether dst host 02:00:5e:00:53:02', true],
    ['less 60', true],
    ['greater 61', false],
  ])('%s: %s', (filter, is) => {
    const text = filter.replace(/^ether src (?!host)/, 'ether src host ');
    expect(passes(text, sealed, true)).toBe(is);
  });

  it('and finds none where there is none', () => {
    expect(passes('flow 0x01abcdef', sealed.subarray(0, 60))).toBe(false);
  });
});

describe('FG-525: IPv6 and fragments', () => {
  const ipv6 = Buffer.alloc(14 + 40 + 8);
  ipv6.writeUInt16BE(0x86dd, 12);
  ipv6[14] = 0x60;
  ipv6[20] = 17;
  ipv6.set([0x20, 0x01, 0x0d, 0xb8], 22);
  ipv6[37] = 1;
  ipv6.writeUInt16BE(5353, 54);

  it('addresses of both families, and ports of first fragments only', () => {
    expect(passes('host 2001:db8::1', ipv6)).toBe(true);
    expect(passes('host 2001:db8::2', ipv6)).toBe(false);
    expect(passes('net 2001:db8::/32 and udp port 5353', ipv6)).toBe(true);
    expect(passes('host ::ffff:192.0.2.1 or host 192.0.2.1', ipv6)).toBe(false);
    const ipv4 = Buffer.alloc(42);
    ipv4.writeUInt16BE(0x0800, 12);
    ipv4.set([0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 53], 14);
    expect(passes('udp port 53', ipv4)).toBe(true);
    ipv4.writeUInt16BE(100, 20);
    expect(passes('udp port 53', ipv4)).toBe(false);
    expect(passes('udp and host 192.0.2.2', ipv4)).toBe(true);
  });

  it('cut frames pass nothing that asks for what is cut off', () => {
    for (let length = 0; length < ipv6.length; length++) {
      expect(typeof passes('udp port 5353 or host 2001:db8::1', ipv6.subarray(0, length))).toBe('boolean');
      if (length < 54) expect(passes('udp or host 2001:db8::1', ipv6.subarray(0, length))).toBe(false);
    }
  });
});
