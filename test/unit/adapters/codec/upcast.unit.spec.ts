import { createUpcasters, type Upcaster } from '../../../../adapters/codec/upcast';

const rename: Upcaster = { type: 'NodeAdded', from: 1, up: (data) => ({ node: (data as { id: number }).id }) };
const weigh: Upcaster = { type: 'NodeAdded', from: 2, up: (data) => ({ ...(data as object), weight: 1 }) };
const CURRENT = { NodeAdded: 3, NodeRemoved: 1 };

describe('upcasters', () => {
  const upcasters = createUpcasters(CURRENT, [weigh, rename]);

  test('lift an event step by step to the current version', () => {
    expect(upcasters.event({ type: 'NodeAdded', v: 1, data: { id: 4 } })).toEqual({
      type: 'NodeAdded',
      v: 3,
      data: { node: 4, weight: 1 },
    });
    expect(upcasters.event({ type: 'NodeAdded', v: 2, data: { node: 4 } }).data).toEqual({ node: 4, weight: 1 });
  });

  test('leave current events and commits as they are, and lift old events inside commits', () => {
    const event = { type: 'NodeRemoved', v: 1, data: {} };
    const head = { seq: 1, prev: '', epoch: 1, commandId: 'c', at: 1, by: 'b', cause: 0, corr: 'c' };
    const commit = { ...head, events: [event] };
    expect(upcasters.event(event)).toBe(event);
    expect(upcasters.commit(commit)).toBe(commit);
    const old = { ...head, events: [event, { type: 'NodeAdded', v: 2, data: { node: 4 } }] };
    expect(upcasters.commit(old).events).toEqual([event, { type: 'NodeAdded', v: 3, data: { node: 4, weight: 1 } }]);
  });

  test.each([
    ['a later version', { type: 'NodeAdded', v: 4, data: {} }],
    ['an unknown type', { type: 'NodePainted', v: 1, data: {} }],
    ['a name of every object', { type: 'constructor', v: 1, data: {} }],
    ['no version', { type: 'NodeAdded', v: 0, data: {} }],
  ])('refuse %s', (_, event) => {
    expect(() => upcasters.event(event)).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });

  test.each([
    ['a gap', [weigh], 'no upcaster for NodeAdded v1'],
    ['a double', [rename, weigh, rename], 'two upcasters'],
    ['one that leads beyond the current version', [rename, weigh, { ...weigh, from: 3 }], 'leads nowhere'],
    ['one for no known type', [rename, weigh, { ...rename, type: 'NodePainted' }], 'leads nowhere'],
  ])('are refused as a registry with %s', (_, registered, message) => {
    expect(() => createUpcasters(CURRENT, registered)).toThrow(message);
  });
});
