import { parseFilter } from '../../../../domain/probe/filter';

describe('FG-525: a filter that cannot be read is refused with the column', () => {
  it.each([
    ['', 1, 'a condition', 'the end'],
    ['tcp prt 80', 5, "'and', 'or' or the end", "'prt'"],
    ['tcp port 80000', 10, 'a port from 0 to 65535', "'80000'"],
    ['portrange 9-3', 11, 'two ports', "'9-3'"],
    ['host 10.0.0', 6, 'an IP address', "'10.0.0'"],
    ['host 10.0.0.1/8', 6, 'an IP address', "'10.0.0.1/8'"],
    ['net 10.0.0.1/8', 5, 'a network', "'10.0.0.1/8'"],
    ['(tcp or udp', 12, "')'", 'the end'],
    ['tcp)', 4, "'and', 'or' or the end", "')'"],
    ['ip port 80', 4, 'no port: ip has none', "'port'"],
    ['tcp and', 8, 'a condition', 'the end'],
    ['src 10.0.0.1', 5, "'host', 'net', 'port' or 'portrange'", "'10.0.0.1'"],
    ['flow 0x1ffffffff', 6, 'a flow ID', "'0x1ffffffff'"],
    ['ether host 02:00', 12, 'a MAC address', "'02:00'"],
    ['vlan 5000', 6, 'a VLAN ID', "'5000'"],
    ['not'.repeat(1) + ' not'.repeat(200), 401, 'at most 100 levels', "'not'"],
  ])('%s', (text, column, expected, found) => {
    const message = (() => {
      try {
        parseFilter(text);
        return 'read';
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(message).toContain(`filter, column ${column}: expected ${expected}`);
    expect(message).toContain(`found ${found}`);
  });
});

describe('FG-525: a filter is read as pcap-filter reads it', () => {
  it("'and' and 'or' from the left, 'not' first", () => {
    expect(parseFilter('ip or tcp and not udp')).toEqual({
      kind: 'and',
      left: { kind: 'or', left: { kind: 'ethertype', value: 0x800 }, right: { kind: 'protocol', value: 6 } },
      right: { kind: 'not', of: { kind: 'protocol', value: 17 } },
    });
    expect(parseFilter('ip || (tcp && !udp)')).toEqual(parseFilter('IP or (tcp and not udp)'));
  });

  it('ends of connections', () => {
    const port = (text: string): unknown => parseFilter(text);
    expect(port('src or dst port 80')).toEqual(port('port 80'));
    expect(port('src and dst port 80')).toMatchObject({ end: 'both' });
    expect(port('src port 80 or dst port 81')).toMatchObject({
      kind: 'or',
      left: { end: 'src' },
      right: { end: 'dst' },
    });
  });
});
