import { cloneOf } from '../../../../dataplane/select/replica';
import { packet } from './packets';
import { Rig } from './rig';

const CLONE = cloneOf(1);
const frame = (payload: string): Uint8Array => packet({ proto: 'udp', from: '10.0.0.1', to: '192.0.2.80', payload });

describe('FG-126: recorder', () => {
  test('forwards the original, consumes the replica, and counts what it compared', () => {
    const rig = new Rig({ name: 'recorder', config: {} });
    for (const text of ['a', 'b', 'c']) {
      expect(rig.run({ flow: 1, bytes: frame(text) }).reason).toBe('none');
      expect(rig.run({ flow: CLONE, replica: true, bytes: frame(text) }).reason).toBe('consumed');
    }
    expect(rig.host.describe()).toEqual([expect.objectContaining({ compared: 3, differing: 0 })]);
    expect(rig.reports).toEqual([]);
  });

  test('reports the first frame that differs, once, and a missing tail at the end', () => {
    const rig = new Rig({ name: 'recorder', config: {} });
    for (const text of ['a', 'b', 'c', 'd']) rig.run({ flow: 1, bytes: frame(text) });
    for (const text of ['a', 'x', 'y']) rig.run({ flow: CLONE, replica: true, bytes: frame(text) });
    expect(rig.reports).toEqual([expect.stringMatching(/frame 2 is the first to differ/)]);
    expect(rig.host.describe()).toEqual([expect.objectContaining({ compared: 3, differing: 2 })]);
    rig.host.flowEnded(1);
    rig.host.flowEnded(CLONE);
    expect(rig.reports[1]).toMatch(/4 frames, its replica 3/);
    expect(rig.host.describe()).toEqual([]);
    expect(rig.findings).toEqual([
      { clone: CLONE, original: 1, direction: 'forward', frames: [4, 3], compared: 3, differing: 3 },
    ]);
  });

  test('compares the directions that it is told to', () => {
    const rig = new Rig({ name: 'recorder', config: { compares: 'forward', ends: 'none' } });
    for (const [flow, text] of [
      [1, 'a'],
      [CLONE, 'b'],
    ] as const) {
      for (const reverse of [false, true]) {
        expect(rig.run({ flow, replica: flow === CLONE, reverse, bytes: frame(text) }).reason).toBe('none');
      }
    }
    expect(rig.host.describe()).toEqual([expect.objectContaining({ compared: 1, differing: 1 })]);
  });
});

describe('FG-439: recorder, where frames are lost, overtake each other, or have no number', () => {
  const recorder = (config = {}): Rig => new Rig({ name: 'recorder', config });
  const original = (rig: Rig, sequence: number, text = `${sequence}`): void =>
    void rig.run({ flow: 1, sequence, start: sequence === 1, bytes: frame(text) });
  const clone = (rig: Rig, sequence: number, text = `${sequence}`): void =>
    void rig.run({ flow: CLONE, replica: true, sequence, start: sequence === 1, bytes: frame(text) });
  const end = (rig: Rig): void => [1, CLONE].forEach((flow) => rig.host.flowEnded(flow));
  const numbers = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

  test.each([
    ['of the clone', 5, 0],
    ['of the original', 0, 5],
    ['of the clone, its first', 1, 0],
  ])('one frame %s that is lost is one difference', (_, ofClone, ofOriginal) => {
    const rig = recorder();
    for (const n of numbers(100)) {
      if (n !== ofOriginal) original(rig, n);
      if (n !== ofClone) clone(rig, n);
    }
    // Told of before the flow has ended.
    expect(rig.host.counted()).toEqual({ compared: 99, differing: 1 });
    end(rig);
    expect(rig.host.counted()).toEqual({ compared: 99, differing: 1 });
    expect(rig.reports[0]).toMatch(/frame \d+ is the first to be missing/);
  });

  test('those that overtake each other are compared with what they are copies of', () => {
    const rig = recorder();
    for (const n of numbers(20)) original(rig, n);
    for (const n of [1, 3, 2, 4, 6, 5, ...numbers(20).slice(6)]) clone(rig, n);
    end(rig);
    expect(rig.host.counted()).toEqual({ compared: 20, differing: 0 });
  });

  test('what was created on the way is compared in its order', () => {
    const rig = recorder();
    for (const run of [original, clone]) {
      run(rig, 1);
      run(rig, 0, 'made');
      run(rig, 2);
      run(rig, 0, run === clone ? 'otherwise' : 'made');
    }
    expect(rig.host.counted()).toEqual({ compared: 4, differing: 1 });
  });

  test.each([
    ['behind', 4],
    ['ahead of', 0],
  ])('a clone that began late has numbers of its own, %s its original', (_, ahead) => {
    const rig = recorder();
    for (const n of numbers(50)) original(rig, n);
    const late = (n: number): void =>
      void rig.run({ flow: CLONE, replica: true, sequence: n, start: false, bytes: frame(`${50 + n}`) });
    for (const n of numbers(30)) {
      if (n <= ahead) for (const each of numbers(ahead)) original(rig, 50 + each);
      late(n);
      if (n > ahead) original(rig, 50 + n);
    }
    expect(rig.host.counted()).toEqual({ compared: 30, differing: 0 });
  });

  test('a connection whose next flow begins before the last has ended is two', () => {
    const rig = recorder();
    for (const flow of [1, 9]) {
      for (const n of numbers(5)) {
        rig.run({ flow, sequence: n, start: n === 1, bytes: frame(`${flow}/${n}`) });
        rig.run({ flow: cloneOf(flow), replica: true, sequence: n, start: n === 1, bytes: frame(`${flow}/${n}`) });
      }
    }
    expect(rig.host.counted()).toEqual({ compared: 10, differing: 0 });
    expect(rig.host.describe()).toHaveLength(2);
  });

  test('more frames than are kept wait in vain', () => {
    const rig = recorder({ keep: 10 });
    for (const n of numbers(40)) original(rig, n);
    for (const n of numbers(40).slice(30)) clone(rig, n);
    end(rig);
    expect(rig.host.counted()).toEqual({ compared: 10, differing: 0 });
  });

  test('where a flow moves, its recordings go along', () => {
    const [from, to] = [recorder(), recorder()];
    for (const n of [1, 2, 3]) original(from, n);
    clone(from, 1);
    to.host.importFlow(1, from.host.exportFlow(1)!);
    for (const n of [2, 3]) clone(to, n);
    end(to);
    expect(to.host.describe()).toEqual([]);
    expect(to.findings).toMatchObject([{ frames: [3, 3], compared: 3, differing: 0 }]);
  });
});
