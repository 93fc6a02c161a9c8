import { Observations } from '../../../actors/observations';
import { AGENT_SILENCE_MS, placementReactions } from '../../../actors/placement';
import { pending } from '../../../actors/reactions';
import type { CommandBody } from '../../../domain/commands';
import type { GridState } from '../../../domain/grid-state';
import { alive, failed, place, registration } from '../domain/agent/agent-specifications';
import { and, givenSmallGrid, NOW } from '../domain/given';

/** What should be placed where, the agents of these names having spoken at `NOW`. */
function placements(state: GridState, heard: readonly string[], now = NOW): string[] {
  const observed = new Observations();
  for (const name of heard) observed.agentHello(name, state.agents[name]!.life, NOW);
  return Array.from(placementReactions({ state, observed, now }), words);
}

function words({ type, data }: CommandBody): string {
  const { cluster, node, agent = '' } = data as { cluster: number; node: number; agent?: string };
  return `${type} ${cluster}/${node} ${agent}`.trim();
}

const small = givenSmallGrid();
const two = and(small, registration('h1', 5), registration('h2', 5));

describe('where nodes should live', () => {
  it('FG-250: in a grid without agents, nowhere', () => {
    expect(placements(small, [])).toEqual([]);
    expect(pending({ state: small, observed: new Observations(), now: NOW })).toEqual([]);
  });

  it('FG-250: with the agent that has most room left, by name among equals, spares nowhere', () => {
    expect(placements(two, ['h1', 'h2'])).toEqual([
      'PlaceNode 1/1 h1',
      'PlaceNode 2/1 h2',
      'PlaceNode 2/2 h1',
      'PlaceNode 2/3 h2',
      'PlaceNode 3/1 h1',
    ]);
  });

  it('FG-250: only with agents that were heard a short while ago', () => {
    expect(placements(two, [])).toEqual([]);
    expect(placements(two, ['h2']).every((text) => text.endsWith('h2'))).toBe(true);
    expect(placements(two, ['h1', 'h2'], NOW + AGENT_SILENCE_MS + 1)).toEqual([]);
  });

  it('FG-250: INODEs where their networks are, functions where they are offered, as many as there is room for', () => {
    const state = and(
      small,
      registration('edge', 5, { networks: ['EN-1'], functions: ['pass'], capacity: 2 }),
      registration('other', 5, { networks: [], functions: ['nat'] }),
    );
    expect(placements(state, ['edge', 'other'])).toEqual(['PlaceNode 1/1 edge', 'PlaceNode 2/1 edge']);
  });

  it('FG-250: pinned nodes where they are pinned, even if they have to wait for it', () => {
    const state = and(small, registration('h1', 5), registration('h2', 5, { pinned: ['AB-2'], capacity: 1 }));
    expect(placements(state, ['h1', 'h2'])).toContain('PlaceNode 2/2 h2');
    expect(placements(state, ['h1'])).not.toContain('PlaceNode 2/2 h1');
  });

  it('FG-250: pinned nodes find the room that is theirs, however early others looked for a place', () => {
    const pinned = ['AB-3', 'AB-9'];
    const state = and(small, registration('h1', 5, { pinned, capacity: 1, networks: [] }));
    expect(placements(state, ['h1'])).toEqual(['PlaceNode 2/3 h1']);
    const roomier = and(small, registration('h1', 5, { pinned, capacity: 2, networks: [] }));
    expect(placements(roomier, ['h1'])).toEqual(['PlaceNode 2/1 h1', 'PlaceNode 2/3 h1']);
  });

  it('FG-250: room is kept for a spare where it is pinned, until it joins', () => {
    const state = and(small, registration('h1', 5, { pinned: ['AB-4'], capacity: 1, networks: [] }));
    expect(state.clusters[2]!.nodes[4]).toMatchObject({ status: 'admitted', spare: true });
    expect(placements(state, ['h1'])).toEqual([]);
    const joining = and(
      state,
      { type: 'ReserveSpare', data: { cluster: 2, node: 4, workflow: 'w' } },
      { type: 'ConfigureNode', data: { cluster: 2, node: 4, weight: 1 } },
    );
    expect(placements(joining, ['h1'])).toEqual(['PlaceNode 2/4 h1']);
  });

  it('FG-251: a node lives again, as a new life, where it lived: when its life was declared over, or its agent is new', () => {
    const living = and(two, place('h1', 1), alive(1, 1));
    const onlyOf = (state: GridState, heard: readonly string[]): string[] =>
      placements(state, heard).filter((text) => text.includes('2/1'));
    expect(onlyOf(living, ['h1', 'h2'])).toEqual([]);
    expect(onlyOf(and(living, failed(1, 1)), ['h1', 'h2'])).toEqual(['PlaceNode 2/1 h1']);
    expect(onlyOf(and(living, failed(1, 1)), ['h2'])).toEqual([]);
    expect(onlyOf(and(living, registration('h1', 6)), ['h1', 'h2'])).toEqual(['PlaceNode 2/1 h1']);
    const again = and(living, failed(1, 1), place('h1', 1));
    expect(onlyOf(again, ['h1', 'h2'])).toEqual([]);
    expect(again.clusters[2]!.nodes[1]!.placement).toEqual({ agent: 'h1', life: 5, incarnation: 2 });
  });

  it('FG-250: a node that has left is taken away', () => {
    const drained = and(
      two,
      place('h1', 1),
      alive(1, 1),
      { type: 'DrainNode', data: { cluster: 2, node: 1, withinMs: 0, thenRemove: false } },
      { type: 'CompleteDrain', data: { cluster: 2, node: 1, forced: false } },
    );
    expect(placements(drained, [])).toEqual(['DisplaceNode 2/1']);
  });
});

describe('draining with agents', () => {
  const draining = and(
    two,
    place('h1', 1, 1),
    alive(1, 1, 1),
    alive(1, 1),
    alive(2, 1),
    { type: 'PublishTopology', data: {} },
    { type: 'ApplyTopology', data: { version: 1 } },
    { type: 'DrainNode', data: { cluster: 2, node: 1, withinMs: 0, thenRemove: false } },
    { type: 'PublishTopology', data: {} },
    { type: 'ApplyTopology', data: { version: 2 } },
  );
  const INODE = (1 << 7) | 1;
  const DRAINING = (2 << 7) | 1;

  function isDrained(stamped: number, stampedAt: number, measuredAt: number): boolean {
    const observed = new Observations();
    for (const ref of [INODE, DRAINING]) observed.hello(ref, 1, NOW);
    observed.stamps(INODE, stamped, stampedAt);
    observed.flows(DRAINING, 0, 0, measuredAt);
    return pending({ state: draining, observed, now: NOW + 50 }).some(({ body }) => body.type === 'CompleteDrain');
  }

  it('FG-253: ends when every FNODE was known to stamp that it drains, before its flows were counted', () => {
    expect(isDrained(1, NOW + 1, NOW + 9)).toBe(false);
    expect(isDrained(2, NOW + 9, NOW + 9)).toBe(false);
    expect(isDrained(2, NOW + 8, NOW + 9)).toBe(true);
  });
});
