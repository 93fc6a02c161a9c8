import { Pacing } from '../../../../../runtime/programs/traffic/pacing';

const BEGAN = 1_000_000_000;

/** When frames are due whose times by the source's clock are these. */
const dues = (pace: ConstructorParameters<typeof Pacing>[0], times: readonly number[]): number[] => {
  const pacing = new Pacing(pace, BEGAN);
  return times.map((time, sent) => pacing.dueAt(sent, time) - BEGAN);
};

describe('the pace of frames that are sent', () => {
  it("is the source's own, from its first frame on, whatever its clock said", () => {
    expect(dues({ speed: 1 }, [77, 1_077, 500_077])).toEqual([0, 1_000, 500_000]);
  });

  it('is some times its own', () => {
    expect(dues({ speed: 10 }, [77, 1_077, 500_077])).toEqual([0, 100, 50_000]);
    expect(dues({ speed: 0.5 }, [0, 1_000])).toEqual([0, 2_000]);
  });

  it('is no pace at all', () => {
    expect(dues({ speed: 'max' }, [77, 1_077, 500_077])).toEqual([0, 0, 0]);
  });

  it('is even, whatever the times are, and does not drift', () => {
    expect(dues({ speed: 1, rate: 4 }, [77, 78, 9_000_000])).toEqual([0, 250_000, 500_000]);
    expect(new Pacing({ speed: 1, rate: 3 }, BEGAN).dueAt(3_000_000, 0)).toBe(BEGAN + 1e12);
  });
});
