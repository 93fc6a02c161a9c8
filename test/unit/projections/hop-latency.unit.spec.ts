import { nodeRef } from '../../../domain/base/ids';
import { hopLatencies, type Sighting } from '../../../projections';

const [IA, A1, A2, C1] = [nodeRef(1, 1), nodeRef(5, 1), nodeRef(5, 2), nodeRef(6, 1)];

function seen(frame: string, kind: Sighting['kind'], time: number, from: number, to: number): Sighting {
  return { frame, kind, time, from, to };
}

describe('FG-529: latency per hop', () => {
  it('is that of nodes and of the links between them, by frame, in whatever order they were seen', () => {
    const sightings = [10, 20, 30, 40].flatMap((took, i) => [
      seen(`f${i}`, 'depart', 100 * i, IA, A2),
      seen(`f${i}`, 'arrive', 100 * i + 3, IA, A2),
      seen(`f${i}`, 'depart', 100 * i + 3 + took, A2, C1),
      // To the next backup, too: a frame leaves when it leaves first.
      seen(`f${i}`, 'depart', 100 * i + 9 + took, A2, nodeRef(6, 2)),
    ]);
    const expected = [
      { hop: { from: IA, to: A2 }, frames: 4, unmatched: 0, min: 3, p50: 3, p90: 3, p99: 3, max: 3 },
      { hop: { node: A2 }, frames: 4, unmatched: 0, min: 10, p50: 20, p90: 40, p99: 40, max: 40 },
    ];
    expect(hopLatencies(sightings)).toEqual(expected);
    expect(hopLatencies([...sightings].reverse())).toEqual(expect.arrayContaining(expected));
  });

  it('of a node whose interfaces are not probed counts from when the frame was sent to it', () => {
    const sightings = [seen('f', 'depart', 5, IA, A2), seen('f', 'depart', 12, A2, C1)];
    expect(hopLatencies(sightings)).toMatchObject([{ hop: { node: A2 }, frames: 1, p50: 7 }]);
  });

  it('is not told of what was seen once, which is counted where it could have been seen again', () => {
    const sightings = [
      seen('f', 'arrive', 5, IA, A2),
      seen('f', 'depart', 6, A2, C1),
      seen('g', 'arrive', 7, IA, A2),
      // A shadow that never emits is no hop.
      seen('f', 'arrive', 5, IA, A1),
      seen('g', 'arrive', 7, IA, A1),
    ];
    expect(hopLatencies(sightings)).toMatchObject([{ hop: { node: A2 }, frames: 1, unmatched: 1, max: 1 }]);
    expect(hopLatencies([seen('f', 'depart', 1, IA, A2)])).toEqual([]);
  });

  it('keeps frames apart by all that names them', () => {
    const sightings = [
      seen('f #1', 'arrive', 5, IA, A2),
      seen('f reverse #1', 'depart', 6, A2, C1),
      seen('f #2', 'depart', 7, A2, C1),
    ];
    expect(hopLatencies(sightings)).toEqual([]);
  });
});
