import type { RegisterAgent } from '../../../../domain/agent/commands';
import { AGENT_LIST_MAX } from '../../../../domain/agent/decide';
import { initialState, type GridState } from '../../../../domain/grid-state';
import type { CommandBody } from '../../../../domain/commands';
import { and, givenSmallGrid, spec, type Specification } from '../given';

/** An agent of the small grid; it attaches both networks unless told otherwise. */
export function registration(
  agent: string,
  life: number,
  offer: Partial<Omit<RegisterAgent['data'], 'agent' | 'life'>> = {},
): RegisterAgent {
  const address = '127.0.0.1:7000';
  const common = { address, capacity: 8, functions: ['pass'], networks: ['EN-1', 'EN-2'], pinned: [] };
  return { type: 'RegisterAgent', data: { agent, life, ...common, ...offer } };
}

export function place(agent: string, node: number, cluster = 2): CommandBody {
  return { type: 'PlaceNode', data: { cluster, node, agent } };
}

export function displace(node: number, cluster = 2): CommandBody {
  return { type: 'DisplaceNode', data: { cluster, node } };
}

export const alive = (node: number, incarnation: number, cluster = 2): CommandBody => ({
  type: 'ActivateNode',
  data: { cluster, node, incarnation },
});

export const failed = (node: number, incarnation: number, cluster = 2): CommandBody => ({
  type: 'FailNode',
  data: { cluster, node, incarnation },
});

/** What RegisterAgent, PlaceNode and DisplaceNode do, refuse, and leave as it is. */
export function agentSpecifications(): Specification[] {
  const small = givenSmallGrid();
  const known = and(small, registration('h1', 5));
  const placed = and(known, place('h1', 1));
  const active = and(placed, alive(1, 1));
  return [
    ...registrations(small, known),
    ...placements(known, placed, active),
    ...displacements(known, placed, active),
  ];
}

function registrations(small: GridState, known: GridState): Specification[] {
  const wrong = (name: string, offer: Parameters<typeof registration>[2]): Specification =>
    spec(name, small, registration('h1', 5, offer), 'invalid');
  return [
    spec('an agent registers', small, registration('h1', 5), ['AgentRegistered']),
    spec('its new process takes the place of the old one', known, registration('h1', 6), ['AgentRegistered']),
    spec('said again it changes nothing', known, registration('h1', 5), []),
    spec('an older process is too late', known, registration('h1', 4), 'stale'),
    spec(
      'two processes that began at once cannot be told apart',
      known,
      registration('h1', 5, { capacity: 9 }),
      'exists',
    ),
    spec('there is no grid for it', initialState(), registration('h1', 5), 'not-found'),
    spec('it needs a name', small, registration('', 5), 'invalid'),
    spec('its life is a time', small, registration('h1', 0), 'invalid'),
    wrong('its address names a port', { address: 'localhost' }),
    wrong('its room is a count', { capacity: -1 }),
    wrong('its functions have names', { functions: [''] }),
    wrong('its lists are bounded', { networks: Array.from({ length: AGENT_LIST_MAX + 1 }, (_, i) => `EN-${i}`) }),
  ];
}

function placements(known: GridState, placed: GridState, active: GridState): Specification[] {
  const full = and(known, registration('h2', 1, { capacity: 1 }), place('h2', 1));
  const bare = and(known, registration('h3', 1, { networks: ['EN-2'], functions: [] }));
  const restarted = and(active, registration('h1', 6));
  return [
    spec('a node is placed', known, place('h1', 1), ['NodePlaced']),
    spec('where it is placed, it stays', placed, place('h1', 1), []),
    spec('while its life goes on, too', active, place('h1', 1), []),
    spec('a life that is over is followed by another', and(active, failed(1, 1)), place('h1', 1), ['NodePlaced']),
    spec('a new process gets it as a new life', restarted, place('h1', 1), ['NodePlaced']),
    spec('two agents do not share it', and(placed, registration('h2', 1)), place('h2', 1), 'in-use'),
    spec('what lives without an agent is not given to one', and(known, alive(1, 1)), place('h1', 1), 'not-allowed'),
    spec('a spare needs no place', known, place('h1', 4), 'not-allowed'),
    spec('an unknown node has none', known, place('h1', 9), 'not-found'),
    spec('an unknown agent hosts nothing', known, place('h9', 1), 'not-found'),
    spec('a full agent hosts no more', full, place('h2', 2), 'none-free'),
    spec('an agent hosts what it has the function for', bare, place('h3', 1), 'not-allowed'),
    spec(
      'an INODE lives where its networks are',
      and(known, registration('h2', 1, { networks: [] })),
      place('h2', 1, 1),
      'not-allowed',
    ),
    spec('and nowhere else', known, place('h1', 1, 1), ['NodePlaced']),
  ];
}

/** A drained node that begins again, although its agent has not yet ended the life before. */
function nextLives(drained: GridState): Specification[] {
  const begin: CommandBody = { type: 'ConfigureNode', data: { cluster: 2, node: 1, weight: 1 } };
  const apart = and(drained, displace(1), begin);
  const again = and(apart, place('h1', 1));
  return [
    spec('FG-391: a drained node leaves its place before it begins again', drained, begin, 'in-use'),
    spec('FG-391: then it may', and(drained, displace(1)), begin, ['NodeConfigured']),
    spec('FG-391: the life before is not its next one', apart, alive(1, 1), 'stale'),
    spec('FG-391: not even when it has its place back', again, alive(1, 1), 'stale'),
    spec('FG-391: the next one is', again, alive(1, 2), ['NodeActivated']),
  ];
}

function displacements(known: GridState, placed: GridState, active: GridState): Specification[] {
  const drained = and(
    active,
    { type: 'DrainNode', data: { cluster: 2, node: 1, withinMs: 0, thenRemove: false } },
    { type: 'CompleteDrain', data: { cluster: 2, node: 1, forced: false } },
  );
  return [
    spec('a node that carries nothing is taken away', placed, displace(1), ['NodeDisplaced']),
    spec('a drained one too', drained, displace(1), ['NodeDisplaced']),
    spec('a failed one too', and(active, failed(1, 1)), displace(1), ['NodeDisplaced']),
    spec('one that takes part is not', active, displace(1), 'in-use'),
    spec('one that lives nowhere is not', known, displace(1), []),
    spec('an unknown one is not', known, displace(9), 'not-found'),
    ...nextLives(drained),
  ];
}
