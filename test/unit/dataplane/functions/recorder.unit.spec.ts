import { packet } from './packets';
import { Rig } from './rig';

const frame = (payload: string): Uint8Array => packet({ proto: 'udp', from: '10.0.0.1', to: '192.0.2.80', payload });

describe('FG-126: recorder', () => {
  test('forwards the original, consumes the replica, and counts what it compared', () => {
    const rig = new Rig({ name: 'recorder', config: {} });
    for (const text of ['a', 'b', 'c']) {
      expect(rig.run({ flow: 1, bytes: frame(text) }).reason).toBe('none');
      expect(rig.run({ flow: 2, replica: true, bytes: frame(text) }).reason).toBe('consumed');
    }
    expect(rig.host.describe()).toEqual([expect.objectContaining({ compared: 3, differing: 0 })]);
    expect(rig.reports).toEqual([]);
  });

  test('reports the first frame that differs, once, and a missing tail at the end', () => {
    const rig = new Rig({ name: 'recorder', config: {} });
    for (const text of ['a', 'b', 'c', 'd']) rig.run({ flow: 1, bytes: frame(text) });
    for (const text of ['a', 'x', 'y']) rig.run({ flow: 2, replica: true, bytes: frame(text) });
    expect(rig.reports).toEqual([expect.stringMatching(/frame 2 is the first to differ/)]);
    expect(rig.host.describe()).toEqual([expect.objectContaining({ compared: 3, differing: 2 })]);
    rig.host.flowEnded(1);
    rig.host.flowEnded(2);
    expect(rig.reports[1]).toMatch(/4 frames, its replica 3/);
    expect(rig.host.describe()).toEqual([]);
    expect(rig.findings).toEqual([
      { clone: 2, original: 1, direction: 'forward', frames: [4, 3], compared: 3, differing: 3 },
    ]);
  });

  test('compares the directions that it is told to', () => {
    const rig = new Rig({ name: 'recorder', config: { compares: 'forward', ends: 'none' } });
    for (const [flow, text] of [
      [1, 'a'],
      [2, 'b'],
    ] as const) {
      for (const reverse of [false, true]) {
        expect(rig.run({ flow, replica: flow === 2, reverse, bytes: frame(text) }).reason).toBe('none');
      }
    }
    expect(rig.host.describe()).toEqual([expect.objectContaining({ compared: 1, differing: 1 })]);
  });
});
