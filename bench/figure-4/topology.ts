import { join } from 'node:path';
import { createMemoryLog } from '../../adapters/log/memory';
import { SimClock } from '../../adapters/sim/sim-clock';
import { FlowgridError } from '../../domain/base/errors';
import { nodeRef } from '../../domain/base/ids';
import { carriesFlows, nodesOf } from '../../domain/cluster/state';
import { DEFAULT_FLOOD, type PublishedTopology } from '../../domain/topology/topology';
import { createControlPlane } from '../../runtime/control/control-plane';
import { applyDesired, loadGridFile, type DesiredGrid } from '../../runtime/control/grid-file';
import type { TopologyListener } from '../../runtime/control/publication';
import { readGridFile } from '../../runtime/programs/grid-text';

/** The example, seen from the built bench. */
const FIGURE_4 = join(__dirname, '../../../examples/figure-4.yaml');
/** Grid time at which the bench's grids begin, milliseconds. */
export const BEGIN_MS = 1_700_000_000_000;

/** External networks of figure 4 by side: initiators' frames enter at EN-1, responders' at EN-4. */
export const NETWORKS = [1, 4] as const;

/** What figure 4's grid file asks for. */
export function figure4(): DesiredGrid {
  const desired = loadGridFile(readGridFile(FIGURE_4), FIGURE_4);
  // The bench's clock stands still: all its flows begin at once.
  const flood = { ...DEFAULT_FLOOD, newFlowsPerSecond: 0 };
  return { ...desired, settings: { ...desired.settings, flood } };
}

/** Keeps the newest topology that the control plane announced. */
class Newest implements TopologyListener {
  topology: PublishedTopology | undefined;

  published(topology: PublishedTopology): void {
    this.topology = topology;
  }

  applied(): void {}
  repin(): void {}
  retiring(): void {}
  retired(): void {}
}

/**
 * The topology that the control plane publishes for a grid once all its members have said hello: over a memory log, on a
 * clock that stands still.
 */
export async function publishedTopology(desired: DesiredGrid): Promise<PublishedTopology> {
  const clock = new SimClock(BEGIN_MS);
  const newest = new Newest();
  const control = createControlPlane({
    log: createMemoryLog(),
    clock,
    timers: clock,
    name: 'MA-1',
    listeners: [newest],
  });
  await control.start();
  await applyDesired(control, desired, { by: 'operator:bench', clock });
  for (const cluster of Object.values(control.state.clusters)) {
    if (!carriesFlows(cluster)) continue;
    for (const { node, spare } of nodesOf(cluster)) if (!spare) control.hello(nodeRef(cluster.settings.id, node), 1);
  }
  await control.settle();
  await control.stop();
  if (newest.topology === undefined) throw new FlowgridError('internal', 'the control plane published no topology');
  return newest.topology;
}
