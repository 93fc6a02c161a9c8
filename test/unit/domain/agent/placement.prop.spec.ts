import fc from 'fast-check';
import { decide } from '../../../../domain/decide';
import { occupied } from '../../../../domain/agent/placement';
import type { CommandBody } from '../../../../domain/commands';
import { isRejection } from '../../../../domain/message';
import { contentOf } from '../../../../domain/topology/content';
import { committed, givenSmallGrid, NOW, and } from '../given';
import { alive, displace, failed, place, registration } from './agent-specifications';

const agent = fc.constantFrom('h1', 'h2', 'h3');
const node = fc.integer({ min: 1, max: 3 });
const incarnation = fc.integer({ min: 1, max: 3 });

const commands: fc.Arbitrary<CommandBody> = fc.oneof(
  fc
    .tuple(agent, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 2 }))
    .map(([name, life, capacity]) => registration(name, life, { capacity })),
  { arbitrary: fc.tuple(agent, node).map(([name, id]) => place(name, id)), weight: 4 },
  node.map((id) => displace(id)),
  fc.tuple(node, incarnation).map(([id, life]) => alive(id, life)),
  fc.tuple(node, incarnation).map(([id, life]) => failed(id, life)),
  fc
    .tuple(node, incarnation)
    .map(([id, life]): CommandBody => ({ type: 'RecoverNode', data: { cluster: 2, node: id, incarnation: life } })),
);

describe('placement', () => {
  it('FG-251: no life is given twice and no agent is given more nodes than it has room for', () => {
    let placedInAll = 0;
    fc.assert(
      fc.property(fc.array(commands, { minLength: 30, maxLength: 100 }), (bodies) => {
        let state = and(
          givenSmallGrid(),
          registration('h1', 1, { capacity: 2 }),
          registration('h2', 1, { capacity: 1 }),
        );
        const given = new Set<string>();
        for (const body of bodies) {
          const events = decide(state, { id: 'c', by: 'operator:test', deadline: NOW, at: NOW, body });
          if (isRejection(events) || events.length === 0) continue;
          const before = state;
          state = committed(state, events);
          for (const event of events) {
            if (event.type !== 'NodePlaced') continue;
            const { cluster, node: id, agent: name, incarnation: life } = event.data;
            expect(given.has(`${cluster}/${id}@${life}`)).toBe(false);
            given.add(`${cluster}/${id}@${life}`);
            placedInAll++;
            // A new process with less room keeps what it had; what comes to it has room.
            if (before.clusters[cluster]!.nodes[id]!.placement.agent === name) continue;
            expect(occupied(state).get(name)!).toBeLessThanOrEqual(state.agents[name]!.capacity);
          }
        }
      }),
      { numRuns: 60 },
    );
    expect(placedInAll).toBeGreaterThan(100);
  });
});

describe('a topology', () => {
  const placed = and(givenSmallGrid(), registration('h1', 5), registration('h2', 5, { address: 'h2:9' }));

  it('FG-252: names the agents of its members, and where they are', () => {
    const content = contentOf(and(placed, place('h2', 1), place('h1', 2), alive(1, 1), alive(2, 1)))!;
    expect(content.clusters[1]!.members.map(({ node: id, agent: at }) => [id, at])).toEqual([
      [1, 'h2'],
      [2, 'h1'],
    ]);
    expect(content.agents).toEqual([
      { name: 'h1', address: '127.0.0.1:7000' },
      { name: 'h2', address: 'h2:9' },
    ]);
  });

  it('FG-252: names none where no member lives with one', () => {
    const content = contentOf(and(givenSmallGrid(), alive(1, 1)))!;
    expect(content).not.toHaveProperty('agents');
    expect(content.clusters[1]!.members[0]).not.toHaveProperty('agent');
  });
});
