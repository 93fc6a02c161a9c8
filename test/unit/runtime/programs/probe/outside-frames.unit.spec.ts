import { nodeRef } from '../../../../../domain/base/ids';
import {
  outsideSightings,
  type BorderFrame,
  type OutsideFrame,
} from '../../../../../runtime/programs/probe/outside-frames';

const [IA, IC] = [nodeRef(1, 1), nodeRef(3, 1)];

const outside = (direction: OutsideFrame['direction'], time: number, content = 'same'): OutsideFrame => {
  return { direction, time, content };
};
const first = (frame: string, time: number, content = 'same'): BorderFrame => {
  return { frame, border: 'first', inode: IA, time, content };
};
const last = (frame: string, time: number, content = 'same'): BorderFrame => {
  return { frame, border: 'last', inode: IC, time, content };
};

describe('FG-536: frames outside are called as they are inside', () => {
  it('where they entered and where they left, by their bytes, though a function changed them in between', () => {
    const [came, went] = [outside('in', 10), outside('out', 40, 'other')];
    const found = outsideSightings([came, went], [first('f #1', 12), last('f #1', 35, 'other')]);
    expect(found.get(came)).toEqual({ frame: 'f #1', time: 10, from: 0, to: IA, kind: 'arrive' });
    expect(found.get(went)).toEqual({ frame: 'f #1', time: 40, from: IC, to: 0, kind: 'depart' });
  });

  it('each as one frame, the nearest in time of those that look the same', () => {
    const came = [10, 20, 30].map((time) => outside('in', time));
    // The first never went on.
    const found = outsideSightings(came, [first('f #1', 22), first('f #2', 33)]);
    expect(came.map((frame) => found.get(frame)?.frame)).toEqual([undefined, 'f #1', 'f #2']);
  });

  it('from the first time that the INODE sent them, to primary or backup, and not before they entered', () => {
    const came = outside('in', 10);
    const found = outsideSightings([came, outside('in', 50)], [first('f #0', 9), first('f #1', 15), first('f #1', 60)]);
    expect([...found.values()].map(({ frame, time }) => [frame, time])).toEqual([['f #1', 10]]);
  });

  it('and not at all where nothing inside has their bytes', () => {
    expect(outsideSightings([outside('in', 10, 'another')], [first('f #1', 12), last('f #1', 14)])).toEqual(new Map());
  });
});
