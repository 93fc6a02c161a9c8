import type { NodeRef } from '../../../../domain/base/ids';
import type { NodeStatistics } from '../../../../domain/node/statistics';
import type { Streams, StatisticsStreams } from '../../../../projections';
import { START, type SmallGrid } from '../../runtime/control/small-grid';
import { noFigures } from '../verdicts/world';

/** A node's reading, `seconds` after the small grid's clock began. */
export function reading(node: NodeRef, seconds: number, counts: Partial<NodeStatistics> = {}): NodeStatistics {
  return { ...noFigures(node), at: atMs(seconds) * 1000, ...counts };
}

export function atMs(seconds: number): number {
  return START + seconds * 1000;
}

/** What is told of the small grid then. */
export function told(streams: StatisticsStreams, grid: SmallGrid, seconds: number): Streams {
  const all = streams.streams(grid.plane.state, { name: 'MA-1', now: atMs(seconds) });
  if (all === undefined) throw new Error('there is no grid');
  return all;
}
