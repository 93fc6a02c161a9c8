import { nodeRef } from '../../../../domain/base/ids';
import { checksumsHold, packet } from './packets';
import { Rig } from './rig';

const INSIDE = '10.0.0.1';
const SERVER = '192.0.2.80';
const SPEC = { name: 'nat', config: { addresses: ['198.51.100.1'], inside: ['10.0.0.0/8'], members: 4 } };

const text = (frame: Uint8Array, at: number): string => [...frame.subarray(at, at + 4)].join('.');
const source = (frame: Uint8Array): string => text(frame, 26);
const destination = (frame: Uint8Array): string => text(frame, 30);
const sourcePort = (frame: Uint8Array): number => (frame[34] << 8) | frame[35];

/** Sends a frame outward and returns it translated. */
function outward(rig: Rig, flow: number, port = 40000, proto: 'tcp' | 'udp' = 'tcp', from = INSIDE): Uint8Array {
  const outcome = rig.run({
    flow,
    bytes: packet({ proto, from, to: SERVER, sourcePort: port, port: 80, payload: 'hello' }),
  });
  expect(outcome.reason).toBe('none');
  return outcome.bytes!;
}

describe('nat', () => {
  test.each(['tcp', 'udp'] as const)(
    'FG-122: %s leaves with the external end and comes back to the inside end',
    (proto) => {
      const rig = new Rig(SPEC);
      const left = outward(rig, 1, 40000, proto);
      expect(source(left)).toBe('198.51.100.1');
      expect(checksumsHold(left)).toBe(true);
      const answer = packet({
        proto,
        from: SERVER,
        to: '198.51.100.1',
        sourcePort: 80,
        port: sourcePort(left),
        payload: 'hi',
      });
      const entered = rig.run({ flow: 1, reverse: true, bytes: answer });
      expect(destination(entered.bytes!)).toBe(INSIDE);
      expect((entered.bytes![36] << 8) | entered.bytes![37]).toBe(40000);
      expect(checksumsHold(entered.bytes!)).toBe(true);
    },
  );

  test('FG-122: an ICMP echo is translated by its identifier', () => {
    const rig = new Rig(SPEC);
    const left = rig.run({
      flow: 1,
      bytes: packet({ proto: 'icmp', from: INSIDE, to: SERVER, icmp: [8, 0, 77] }),
    }).bytes!;
    const id = (left[38] << 8) | left[39];
    expect(source(left)).toBe('198.51.100.1');
    expect(checksumsHold(left)).toBe(true);
    const reply = packet({ proto: 'icmp', from: SERVER, to: '198.51.100.1', icmp: [0, 0, id] });
    const entered = rig.run({ flow: 1, reverse: true, bytes: reply }).bytes!;
    expect(destination(entered)).toBe(INSIDE);
    expect((entered[38] << 8) | entered[39]).toBe(77);
    expect(checksumsHold(entered)).toBe(true);
  });

  test('FG-122: an ICMP error from outside reaches the inside host, and so does what it quotes', () => {
    const rig = new Rig(SPEC);
    const left = outward(rig, 1, 40000, 'udp');
    const quote = left.subarray(14);
    const error = packet({ proto: 'icmp', from: '203.0.113.9', to: '198.51.100.1', icmp: [3, 4, 0], payload: quote });
    const entered = rig.run({ flow: 1, reverse: true, bytes: error }).bytes!;
    expect(destination(entered)).toBe(INSIDE);
    expect(checksumsHold(entered)).toBe(true);
    const quoted = new Uint8Array([...entered.subarray(0, 14), ...entered.subarray(42)]);
    expect(Buffer.from(quoted.subarray(14))).toEqual(
      Buffer.from(
        packet({ proto: 'udp', from: INSIDE, to: SERVER, sourcePort: 40000, port: 80, payload: 'hello' }).subarray(14),
      ),
    );
  });

  test('FG-122: an ICMP error from the inside host hides it, also in what it quotes', () => {
    const rig = new Rig(SPEC);
    const left = outward(rig, 1, 40000, 'udp');
    const answer = packet({
      proto: 'udp',
      from: SERVER,
      to: '198.51.100.1',
      sourcePort: 80,
      port: sourcePort(left),
      payload: 'hi',
    });
    const entered = rig.run({ flow: 1, reverse: true, bytes: answer }).bytes!;
    const error = packet({ proto: 'icmp', from: INSIDE, to: SERVER, icmp: [3, 3, 0], payload: entered.subarray(14) });
    const outcome = rig.run({ flow: 1, bytes: error }).bytes!;
    expect(source(outcome)).toBe('198.51.100.1');
    expect(checksumsHold(outcome)).toBe(true);
    expect(Buffer.from(outcome.subarray(42))).toEqual(Buffer.from(answer.subarray(14)));
  });

  test('FG-122: what belongs to no mapping is refused if it is addressed to us, else let alone', () => {
    const rig = new Rig(SPEC);
    const stray = { proto: 'tcp' as const, from: SERVER, sourcePort: 80, port: 5000 };
    expect(rig.run({ flow: 1, reverse: true, bytes: packet({ ...stray, to: '198.51.100.1' }) }).reason).toBe(
      'nat-no-mapping',
    );
    const other = rig.run({ flow: 1, reverse: true, bytes: packet({ ...stray, to: '203.0.113.1' }) });
    expect(other).toMatchObject({ reason: 'none', altered: false });
    const outsider = rig.run({ flow: 2, bytes: packet({ from: '203.0.113.1', to: SERVER }) });
    expect(outsider).toMatchObject({ reason: 'none', altered: false });
  });

  test('FG-121: no two members, nor two lives of one, ever choose the same port', () => {
    const config = { ...SPEC.config, ports: ['5000-5031'] };
    const chosen = new Set<number>();
    for (const [node, life] of [
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 2],
      [3, 1],
      [4, 2],
    ]) {
      const rig = new Rig({ name: 'nat', config }, nodeRef(3, node), life);
      for (let flow = 1; flow <= 4; flow++) chosen.add(sourcePort(outward(rig, flow, 100 + flow)));
      expect(rig.run({ flow: 9, bytes: packet({ from: INSIDE, to: SERVER, sourcePort: 99 }) }).reason).toBe(
        'nat-no-port',
      );
    }
    expect(chosen.size).toBe(24);
    expect(Math.min(...chosen)).toBeGreaterThanOrEqual(5000);
    expect(Math.max(...chosen)).toBeLessThanOrEqual(5031);
  });

  test('FG-121: two inside hosts with one port keep it apart, the first one as it was', () => {
    const rig = new Rig(SPEC, nodeRef(3, 3));
    const ports = [1, 2, 3].map((host) => sourcePort(outward(rig, host, 42000, 'tcp', `10.0.0.${host}`)));
    expect(new Set(ports).size).toBe(3);
    expect(ports[0]).toBe(42000);
  });

  test('FG-121: an ended flow gives its ports back', () => {
    const rig = new Rig({ name: 'nat', config: { ...SPEC.config, ports: ['5000-5007'] } });
    outward(rig, 1);
    expect(rig.run({ flow: 2, bytes: packet({ from: INSIDE, to: SERVER, sourcePort: 1 }) }).reason).toBe('nat-no-port');
    rig.host.flowEnded(1);
    outward(rig, 2);
  });

  test('FG-114, FG-113: a backup that applied the deltas translates what the primary had translated', () => {
    const primary = new Rig(SPEC, nodeRef(3, 1));
    const backup = new Rig(SPEC, nodeRef(3, 2));
    const heir = new Rig(SPEC, nodeRef(3, 3));
    for (let flow = 1; flow <= 50; flow++) {
      const left = outward(primary, flow, 30000 + flow);
      backup.host.applyDelta(primary.host.takeDelta()!);
      outward(primary, flow, 30000 + flow);
      expect(primary.host.takeDelta()).toBeUndefined();
      expect(Buffer.from(outward(backup, flow, 30000 + flow))).toEqual(Buffer.from(left));
      heir.host.importFlow(flow, backup.host.exportFlow(flow)!);
      expect(Buffer.from(outward(heir, flow, 30000 + flow))).toEqual(Buffer.from(left));
    }
    expect(backup.host.takeDelta()).toBeUndefined();
    const fresh = sourcePort(outward(backup, 99, 30001));
    expect(fresh).not.toBe(sourcePort(outward(primary, 1, 30001)));
  });
});
