import { packet, type PacketText } from './packets';
import { Rig, type Arrival } from './rig';

const CLIENT = '10.0.0.1';
const SERVER = '192.0.2.80';
const out = (text: Partial<PacketText>, more: Partial<Arrival> = {}): Arrival => ({
  bytes: packet({ from: CLIENT, to: SERVER, ...text }),
  ...more,
});
const back = (text: Partial<PacketText>, more: Partial<Arrival> = {}): Arrival => ({
  bytes: packet({ from: SERVER, to: CLIENT, sourcePort: 80, port: 40000, ...text }),
  reverse: true,
  ...more,
});

/** Sends the arrivals in order and names what became of each. */
function verdicts(config: Record<string, unknown>, ...arrivals: Arrival[]): string[] {
  const rig = new Rig({ name: 'packet-filter', config });
  return arrivals.map((arrival) => rig.run(arrival).reason);
}

describe('packet-filter', () => {
  test('FG-119: passes a TCP connection that it saw begin, in both directions', () => {
    const frames = [
      out({ flags: 'S' }),
      back({ flags: 'SA' }),
      out({ flags: 'A' }),
      back({ flags: 'PA', payload: 'x' }),
    ];
    expect(verdicts({}, ...frames)).toEqual(['none', 'none', 'none', 'none']);
  });

  test('FG-119: drops TCP in the middle, in both directions, until it begins anew', () => {
    const frames = [
      out({ flags: 'PA', payload: 'x' }, { start: false, sequence: 500 }),
      back({ flags: 'A' }, { sequence: 400 }),
      out({ flags: 'S' }, { sequence: 501 }),
      out({ flags: 'A' }, { sequence: 502 }),
    ];
    expect(verdicts({}, ...frames)).toEqual(['not-begun', 'not-begun', 'none', 'none']);
  });

  test('FG-119: a SYN-ACK that nobody asked for opens nothing, however often it comes', () => {
    const frames = [out({ flags: 'SA' }), out({ flags: 'SA' }), out({ flags: 'A' }), out({ flags: 'S' })];
    expect(verdicts({}, ...frames)).toEqual(['not-begun', 'not-begun', 'not-begun', 'none']);
  });

  test('FG-119: without handshake, one of the first 64 frames of the direction must have been seen', () => {
    const udp = { proto: 'udp' as const };
    expect(verdicts({}, out(udp, { sequence: 65 }), out(udp, { sequence: 66 }))).toEqual(['not-begun', 'not-begun']);
    expect(verdicts({}, out(udp, { sequence: 64 }), out(udp, { sequence: 900 }))).toEqual(['none', 'none']);
    expect(verdicts({ mode: 'open' }, out(udp, { sequence: 65 }))).toEqual(['none']);
  });

  test('FG-120: the first rule that matches decides; prefixes are those of initiator and responder', () => {
    const rules = [
      { action: 'deny', from: ['10.0.0.0/24'], ports: ['8000-8080'] },
      { action: 'allow', proto: ['tcp'], to: ['192.0.2.0/24', '2001:db8::/32'] },
    ];
    const config = { default: 'deny', rules };
    expect(verdicts(config, out({ flags: 'S', port: 8010 }))).toEqual(['denied']);
    expect(verdicts(config, back({ flags: 'SA', sourcePort: 8010 }))).toEqual(['denied']);
    expect(verdicts(config, out({ flags: 'S', port: 443 }))).toEqual(['none']);
    expect(verdicts(config, out({ flags: 'S', from: '2001:db8:1::1', to: '2001:db8::80' }))).toEqual(['none']);
    expect(verdicts(config, out({ flags: 'S', to: '198.51.100.1' }))).toEqual(['denied']);
  });

  test('FG-120: a denied connection stays denied; a related one of an allowed flow passes', () => {
    const config = { default: 'deny', rules: [{ action: 'allow', ports: [21] }] };
    const control = out({ flags: 'S', port: 21 });
    const data = out({ flags: 'S', port: 50123, sourcePort: 40001 });
    expect(verdicts(config, control, data)).toEqual(['none', 'none']);
    expect(verdicts(config, data, data)).toEqual(['denied', 'denied']);
  });

  test('FG-120: frames without IP header go by nonIp', () => {
    const arp = new Uint8Array(42);
    arp.set([8, 6], 12);
    expect(verdicts({}, { bytes: arp })).toEqual(['none']);
    expect(verdicts({ nonIp: 'deny' }, { bytes: arp })).toEqual(['denied']);
  });

  test('FG-113: a member without the state breaks the flow, with it goes on', () => {
    const first = new Rig({ name: 'packet-filter', config: {} });
    first.run(out({ flags: 'S' }));
    first.run(back({ flags: 'SA' }));
    const later = out({ flags: 'PA', payload: 'x' }, { sequence: 2, start: false });
    const stranger = new Rig({ name: 'packet-filter', config: {} });
    expect(stranger.run(later).reason).toBe('not-begun');
    const heir = new Rig({ name: 'packet-filter', config: {} });
    heir.host.importFlow(0x01000001, first.host.exportFlow(0x01000001)!);
    expect(heir.run(later).reason).toBe('none');
  });

  test('a full table refuses new flows and says so; an ended flow makes room', () => {
    const rig = new Rig({ name: 'packet-filter', config: { flows: 1 } });
    expect(rig.run(out({ flags: 'S' }, { flow: 1 })).reason).toBe('none');
    expect(rig.run(out({ flags: 'S' }, { flow: 2 })).reason).toBe('filter-table-full');
    rig.host.flowEnded(1);
    expect(rig.run(out({ flags: 'S' }, { flow: 2 })).reason).toBe('none');
  });
});
