import { decide } from '../../../../domain/decide';
import type { GridState } from '../../../../domain/grid-state';
import { isRejection } from '../../../../domain/message';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { NOW, and } from '../given';
import { smallGridCommands } from '../../runtime/control/small-grid';
import { initialState } from '../../../../domain/grid-state';

/** A small grid (IA, AB, IC; untagged network 1 at IA, 2 at IC) with a tagged network 3 at IC. */
export function linkGrid(): GridState {
  const [create, ...rest] = smallGridCommands();
  if (create?.type !== 'CreateGrid') throw new Error('the small grid begins with its creation');
  const tagged = { id: 3, name: 'EN-3', cluster: 3, tagged: true };
  const data = { ...create.data, networks: [...create.data.networks, tagged] };
  return and(initialState(), { ...create, data }, ...rest);
}

/** A link between two clusters, but for what is said otherwise. */
export function link(parts: Partial<VirtualLink> = {}): VirtualLink {
  const id = parts.id ?? 1;
  return {
    id,
    name: `VN-${id}`,
    kind: 'switch',
    members: [{ cluster: 1 }, { cluster: 2 }],
    control: false,
    mtu: 9_000,
    ...parts,
  };
}

/** Reason and message of the refusal to create a link; undefined if it is created. */
export function refused(state: GridState, data: VirtualLink, at = NOW): string | undefined {
  const body = { type: 'CreateVirtualLink', data } as const;
  const decision = decide(state, { id: 'test', by: 'operator:test', deadline: at, at, body });
  return isRejection(decision) ? `${decision.reason}: ${decision.message}` : undefined;
}
