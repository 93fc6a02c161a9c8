import { canonical, type Canonical } from '../base/canonical';
import type { Millis } from '../base/ids';
import type { GridState } from '../grid-state';
import { vlanSettingsProblem } from '../link/vlan-settings';
import { NOTHING_TO_DO, reject, type Decision } from '../message';
import { LINK_PROTOCOLS } from '../topology/topology';
import type { GridEvent } from './events';
import type { GridSettings } from './settings';
import { routingProblems } from './routing';
import { longestIdleMs, shortestIdleMs, tooShort } from './timing';

export function createGrid(state: GridState, settings: GridSettings): Decision<GridEvent> {
  if (state.grid !== null) return reject('exists', `grid ${state.grid.name} exists already`);
  if (settings.name === '') return reject('invalid', 'a grid needs a name');
  return invalidSettings(settings) ?? [{ type: 'GridCreated', v: 1, data: settings }];
}

export function reconfigureGrid(state: GridState, settings: GridSettings): Decision<GridEvent> {
  const { grid } = state;
  if (grid === null) return reject('not-found', 'there is no grid yet');
  if (settings.name !== grid.name) return reject('not-allowed', `grid ${grid.name} cannot be renamed`);
  if (settings.seed !== grid.seed) return reject('not-allowed', `grid ${grid.name}: live flows depend on its seed`);
  if (canonical(settings as unknown as Canonical) === canonical(grid as unknown as Canonical)) return NOTHING_TO_DO;
  return invalidSettings(settings) ?? [{ type: 'GridReconfigured', v: 1, data: settings }];
}

function invalidSettings(settings: GridSettings): ReturnType<typeof reject> | undefined {
  const problem = settings.vlans === undefined ? undefined : vlanSettingsProblem(settings.vlans);
  if (problem !== undefined) return reject('invalid', problem);
  const [short] = tooShort(settings.timing);
  if (short !== undefined) {
    const least = `${shortestIdleMs(settings.timing)} ms for which frames are held until a death is known`;
    return reject('invalid', `${short} of ${settings.timing[short]} is less than the ${least}`);
  }
  const ids = new Set<number>();
  for (const { id, name, filters } of settings.networks) {
    if (!Number.isInteger(id) || id < 1 || id > 255)
      return reject('invalid', `network ${name}: ID ${id} is not in 1–255`);
    if (ids.has(id)) return reject('invalid', `network ${name}: ID ${id} is taken`);
    ids.add(id);
    const unknown = filters?.find((protocol) => !LINK_PROTOCOLS.includes(protocol));
    if (unknown !== undefined)
      return reject('invalid', `network ${name}: ${unknown} is none of ${LINK_PROTOCOLS.join(', ')}`);
  }
  const [wrong] = routingProblems(settings.networks, settings.routes ?? []);
  if (wrong !== undefined) return reject('invalid', wrong.what);
  return undefined;
}

/** Flow IDs rest this long beyond the longest idle timeout before they, or their FNODE's number, are given again. */
const FLOW_ID_REST_MS = 60_000;

/** When no flow can be alive any more that an FNODE allocated which fell silent at `at`. */
export function flowIdsFreeAt(settings: GridSettings, at: Millis): Millis {
  return at + longestIdleMs(settings.timing) + FLOW_ID_REST_MS;
}
