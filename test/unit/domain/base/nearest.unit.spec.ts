import { nearestName } from '../../../../domain/base/nearest';

describe('the nearest name', () => {
  it.each([
    ['VN-7', 'VN-1'],
    ['vn-2', 'VN-2'],
    ['uplnik', 'uplink'],
    ['uplink-', 'uplink'],
    ['', 'VN-1'],
  ])('%s: %s', (wanted, name) => {
    expect(nearestName(wanted, ['VN-1', 'VN-2', 'uplink'])).toBe(name);
  });

  it('is none where there are no names', () => {
    expect(nearestName('VN-1', [])).toBeUndefined();
  });
});
