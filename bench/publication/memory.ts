import { NO_HASH } from '../../domain/seams/event-log';
import type { BenchResult } from '../result';
import { WIRE_ID_MAX } from '../../domain/topology/wire-ids';
import type { GridState } from '../../domain/grid-state';
import type { PublishedTopology, Topology } from '../../domain/topology/topology';
import { NODE_ID_MAX } from '../../domain/base/ids';
import { RendezvousTables } from '../../dataplane/select/topology-view';
import { Topologies } from '../../dataplane/node/topologies';
import { forcedCollection } from '../figure-4/allocation';
import { drain, gridOf, published } from './large-grid';

/** INODEs at the ends, and two stages of the largest clusters there can be. */
const CLUSTERS = 4;
const STAGES = [3, 4] as const;

/**
 * Bytes that a node holds when flows live under every wire ID there is: each version differs from the one before by a
 * member of one of its two 127-member clusters, and every order is derived.
 */
export function memoryOfVersions(smoke: boolean): BenchResult[] {
  const versions = smoke ? 8 : WIRE_ID_MAX;
  const collect = forcedCollection();
  const texts = topologies(versions);
  const before = memory(collect);
  // Parsed again, as a node gets them from the log: it shares no object with the control plane.
  const installed = new Topologies(new RendezvousTables());
  for (const text of texts) {
    const view = installed.install(JSON.parse(text) as PublishedTopology);
    for (const { id } of view.topology.clusters) view.table(id);
  }
  const after = memory(collect);
  // Read once more, so that what was measured was still alive.
  const newest = installed.latest?.topology.version;
  const mib = (bytes: number): number => bytes / 2 ** 20;
  return [
    {
      name: `memory of ${versions} live versions, ${NODE_ID_MAX}-member clusters`,
      unit: 'MiB',
      value: mib(after.heap - before.heap + after.buffers - before.buffers),
      note: `orders ${mib(after.buffers - before.buffers).toFixed(1)}, texts and indexes ${mib(after.heap - before.heap).toFixed(1)}; newest version ${newest}`,
    },
  ];
}

function topologies(count: number): string[] {
  let state: GridState = gridOf(CLUSTERS, NODE_ID_MAX);
  const texts: string[] = [];
  for (let i = 0; i < count; i++) {
    const step = published(state);
    const topology: Topology = { ...step.topology, wireId: i + 1 };
    texts.push(JSON.stringify({ topology, seq: i + 1, hash: NO_HASH, dead: [] }));
    state = drain(step.state, STAGES[i % 2]!, 1 + ((i >> 1) % NODE_ID_MAX));
  }
  return texts;
}

function memory(collect: () => void): { readonly heap: number; readonly buffers: number } {
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers };
}
