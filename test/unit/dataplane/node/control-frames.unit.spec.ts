import * as control from '../../../../dataplane/node/control-frames';

test('kinds of control frames are told apart: each has a number of its own', () => {
  const kinds = Object.entries(control).filter(
    ([name, value]) => name.startsWith('CONTROL_') && name !== 'CONTROL_BODY_MAX' && typeof value === 'number',
  );
  expect(kinds.length).toBeGreaterThan(12);
  expect(new Set(kinds.map(([, value]) => value)).size).toBe(kinds.length);
});
