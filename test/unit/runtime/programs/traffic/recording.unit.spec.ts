import { isOver, Recording } from '../../../../../runtime/programs/traffic/recording';

const BEGAN = 5_000_000;
const SECOND = 1_000_000;

const recorded = (...frames: readonly (readonly [at: number, name: string])[]): Recording => {
  const recording = new Recording();
  for (const [at, name] of frames) recording.add(at, name, 100);
  return recording;
};

describe('a recording', () => {
  it('counts frames and bytes, and knows its ends', () => {
    expect(recorded([BEGAN, 'a'], [BEGAN + 10, 'b'])).toMatchObject({
      frames: 2,
      bytes: 200,
      duplicates: 0,
      firstAt: BEGAN,
      lastAt: BEGAN + 10,
    });
  });

  it('tells the longest gap between two frames, and when it began; the first of equals', () => {
    const recording = recorded(
      [BEGAN, 'a'],
      [BEGAN + 10, 'b'],
      [BEGAN + 50, 'c'],
      [BEGAN + 90, 'd'],
      [BEGAN + 91, 'e'],
    );
    expect(recording).toMatchObject({ longestGapUs: 40, longestGapAt: BEGAN + 10 });
  });

  it('knows no gap before a second frame', () => {
    expect(recorded([BEGAN, 'a'])).toMatchObject({ longestGapUs: 0, longestGapAt: 0 });
  });

  it('counts every frame that had come before', () => {
    expect(recorded([1, 'a'], [2, 'b'], [3, 'a'], [4, 'a']).duplicates).toBe(2);
  });

  it('is over after its time, whether anything came or not', () => {
    expect(isOver({ seconds: 2 }, recorded(), BEGAN, BEGAN + 2 * SECOND - 1)).toBe(false);
    expect(isOver({ seconds: 2 }, recorded(), BEGAN, BEGAN + 2 * SECOND)).toBe(true);
  });

  it('is over after a silence, which begins with a frame', () => {
    expect(isOver({ silence: 2 }, recorded(), BEGAN, BEGAN + 99 * SECOND)).toBe(false);
    const heard = recorded([BEGAN + 5 * SECOND, 'a']);
    expect(isOver({ silence: 2 }, heard, BEGAN, BEGAN + 7 * SECOND - 1)).toBe(false);
    expect(isOver({ silence: 2 }, heard, BEGAN, BEGAN + 7 * SECOND)).toBe(true);
  });

  it('goes on where no end was asked for', () => {
    expect(isOver({}, recorded([BEGAN, 'a']), BEGAN, BEGAN + 99 * SECOND)).toBe(false);
  });
});
