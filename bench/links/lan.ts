import { createMemoryLog } from '../../adapters/log/memory';
import { SimClock } from '../../adapters/sim/sim-clock';
import type { Lan } from '../../domain/link/plan';
import { lanOf } from '../../projections';
import { createControlPlane } from '../../runtime/control/control-plane';
import { applyDesired, loadGridFile } from '../../runtime/control/grid-file';
import { BEGIN_MS } from '../figure-4/topology';

/** A network on each side, one with tags of its own; one node sends, three may receive. */
const GRID = `
grid: links
networks:
  EN-1: { cluster: IA }
  EN-2: { cluster: IC }
  EN-3: { cluster: IC, tagged: true }
clusters:
  IA: { id: 1, role: inode, nodes: 1 }
  AB: { id: 2, role: anode, nodes: 3, function: pass }
  IC: { id: 3, role: inode, nodes: 1 }
links:
  cable: { kind: cable, members: [IA-1, AB-1] }
  one-way-cable: { kind: cable, members: [IA-1, AB-1], direction: forward }
  switch: { kind: switch, members: [IA, AB] }
  hub: { kind: hub, members: [IA, AB] }
  star: { kind: star, members: [IA, AB] }
  star-in-hub-mode: { kind: star, members: [IA, AB], hub: true }
  resilient: { kind: resilient, members: [IA-1, AB-1, AB-2] }
  clustered: { kind: clustered, members: [IA-1, AB] }
  replicated: { kind: replicated, members: [AB-1], tap: one-way-cable }
  untagged: { kind: external, members: [EN-1, IA] }
  tagged: { kind: external, members: [EN-3, IC], vlans: [100] }
  way: { kind: switch, members: [IA, AB, IC] }
paths:
  there: { from: [EN-1], through: [AB], to: EN-2 }
  back: { from: [EN-2], through: [AB], to: EN-1 }
policies:
  - { type: all, paths: [there, back] }
`;

/** The VLANs and links that a new grid has by this file. */
export async function benchLan(): Promise<Lan> {
  const clock = new SimClock(BEGIN_MS);
  const control = createControlPlane({ log: createMemoryLog(), clock, timers: clock, name: 'MA-1' });
  await control.start();
  await applyDesired(control, loadGridFile(GRID, 'links.yaml'), { by: 'operator:bench', clock });
  const lan = lanOf(control.state);
  await control.stop();
  return lan;
}
