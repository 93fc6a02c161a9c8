import fc from 'fast-check';
import { packet } from './packets';
import type { Arrival } from './rig';

/** Random TCP and UDP exchanges: cut streams, repeats, reordering, both directions, several connections a flow. */
export function exchanges(texts: readonly string[]): fc.Arbitrary<readonly Arrival[]> {
  const step = fc.record({
    flow: fc.integer({ min: 0x01000001, max: 0x01000003 }),
    connection: fc.nat(1),
    reverse: fc.boolean(),
    udp: fc.boolean(),
    flags: fc.constantFrom('S', 'SA', 'A', 'A', 'A', 'PA', 'FA', 'R'),
    text: fc.nat(texts.length - 1),
    from: fc.nat(30),
    length: fc.nat(40),
    wait: fc.nat(400_000),
  });
  return fc.array(step, { minLength: 1, maxLength: 40 }).map((steps) => {
    let at = 1_000_000;
    return steps.map((each): Arrival => {
      at += each.wait - 20_000;
      const client = `10.0.0.${each.flow & 255}`;
      const ports = [40000 + each.connection, 80];
      const payload = each.flags.includes('S') ? '' : texts[each.text].slice(each.from, each.from + each.length);
      return {
        flow: each.flow,
        reverse: each.reverse,
        at,
        bytes: packet({
          proto: each.udp ? 'udp' : 'tcp',
          from: each.reverse ? '192.0.2.80' : client,
          to: each.reverse ? client : '192.0.2.80',
          sourcePort: ports[each.reverse ? 1 : 0],
          port: ports[each.reverse ? 0 : 1],
          flags: each.flags,
          seq: each.flags.includes('S') ? 100 : 101 + each.from,
          payload,
        }),
      };
    });
  });
}
