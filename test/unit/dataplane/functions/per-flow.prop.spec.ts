import { assertPerFlowTakeover } from './takeover';
import { exchanges } from './traffic';

const web = exchanges([
  'GET /one HTTP/1.1\r\nHost: www.example.org\r\n\r\nGET /two HTTP/1.1\r\nHost: bad.example.net\r\n\r\n',
  'POST / HTTP/1.1\r\nContent-Length: 4\r\nHost: shop.example.org\r\n\r\nabcdGET / HTTP/1.0\r\n\r\n',
  'attack attack ATTACK in the middle of attacks and more of it',
]);

describe('FG-112, FG-113: takeover of per-flow functions is exact', () => {
  test('packet-filter, strict', () => {
    const rules = [
      { action: 'deny', proto: ['udp'], to: ['192.0.2.0/24'], from: ['10.0.0.2/32'] },
      { action: 'allow', ports: [80] },
    ];
    assertPerFlowTakeover({ name: 'packet-filter', config: { default: 'deny', rules } }, web);
  });

  test('rate-limiter per flow, packets and bytes', () => {
    assertPerFlowTakeover({ name: 'rate-limiter', config: { rate: 5, burst: 3 } }, web);
    assertPerFlowTakeover({ name: 'rate-limiter', config: { rate: 500, burst: 200, unit: 'bytes' } }, web);
  });

  test('host-filter', () => {
    assertPerFlowTakeover({ name: 'host-filter', config: { hosts: ['bad.*'], unnamed: 'drop' } }, web);
  });

  test('ids', () => {
    const signatures = [
      { name: 'attack', content: 'attack', anyCase: true, action: 'drop' },
      { name: 'middle', content: 'middle of', action: 'alert' },
    ];
    assertPerFlowTakeover({ name: 'ids', config: { signatures } }, web);
  });

  test('recorder', () => {
    assertPerFlowTakeover({ name: 'recorder', config: { keep: 10 } }, web);
  });
});
