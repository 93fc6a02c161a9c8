import { createMemoryLog } from '../../../adapters/log/memory';
import { SimClock } from '../../../adapters/sim/sim-clock';
import { FlowgridError } from '../../../domain/base/errors';
import { nodeRef } from '../../../domain/base/ids';
import { carriesFlows, nodesOf } from '../../../domain/cluster/state';
import type { GridState } from '../../../domain/grid-state';
import type { EventLog } from '../../../domain/seams/event-log';
import type { PublishedTopology } from '../../../domain/topology/topology';
import type { Moment } from '../../../projections';
import { createControlPlane, type ControlPlane } from '../../control/control-plane';
import { applyDesired, loadGridFile } from '../../control/grid-file';
import { readGridFile } from '../grid-text';
import { decoded, storedCommits } from '../log-reading';

/**
 * The topology that a changed grid file would lead to: the production control plane, on a copy of the log in memory,
 * applies the file, and every node that it asks for says hello. Nothing of it is kept.
 *
 * @throws FlowgridError for a wrong grid file, another grid's, or a change that the grid would refuse.
 */
export async function topologyUnder(file: string, log: EventLog, until: Moment): Promise<PublishedTopology> {
  const desired = loadGridFile(readGridFile(file), file);
  const copy = createMemoryLog();
  let latest = 0;
  for await (const stored of storedCommits(log)) {
    const { seq, at } = decoded(stored);
    if (seq > until.seq || at > until.at) break;
    await copy.append([stored.bytes]);
    latest = at;
  }
  const clock = new SimClock(latest);
  const control = createControlPlane({ log: copy, clock, timers: clock, name: 'trace', listeners: [] });
  await control.start();
  try {
    await control.settle();
    await applyDesired(control, desired, { by: 'operator:trace', clock });
    await settled(control);
    const { version } = control.state.topology;
    const published = await control.published(version);
    if (published !== undefined) return published;
    throw new FlowgridError('not-found', `${file}: the grid would have no topology: none of its nodes is there`);
  } finally {
    await control.stop();
  }
}

/** Until the control plane wants nothing more: nodes that it admits say hello, and acknowledge what it publishes. */
async function settled(control: ControlPlane): Promise<void> {
  for (let seq = -1; seq !== control.head.seq;) {
    seq = control.head.seq;
    await control.settle();
    const { version } = control.state.topology;
    for (const { ref, incarnation } of present(control.state)) {
      control.hello(ref, incarnation);
      control.acknowledgeTopology(ref, version);
    }
    await control.settle();
  }
}

/** Nodes that are there, or would be: not those that failed or left, nor spares. */
function present({ clusters }: GridState): { readonly ref: number; readonly incarnation: number }[] {
  return Object.values(clusters)
    .filter(carriesFlows)
    .flatMap((cluster) =>
      nodesOf(cluster)
        .filter(({ status, spare }) => {
          if (status === 'admitted') return !spare;
          return status === 'configured' || status === 'active' || status === 'draining';
        })
        .map(({ node, incarnation }) => ({
          ref: nodeRef(cluster.settings.id, node),
          incarnation: Math.max(1, incarnation),
        })),
    );
}
