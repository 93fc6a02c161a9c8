import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { initialState } from '../../../../../domain/grid-state';
import { foreseenState, inspectGridFile, loadGridFile, planCommands } from '../../../../../runtime/control/grid-file';

const EXAMPLE = readFileSync(join(__dirname, '../../../../../examples/routed.yaml'), 'utf8');

const ROUTED = `grid: routed
networks:
  EN-1: { cluster: IA, mode: layer-3, addresses: [192.0.2.1/25, "2001:DB8:1::1/64"] }
  EN-2: { cluster: IC, mode: layer-3, addresses: 198.51.100.1/24 }
  EN-3: { cluster: IC }
routes:
  - { prefix: 0.0.0.0/0, via: 198.51.100.254 }
  - { prefix: "2001:db8:9::/48", via: "fe80::9", network: EN-1 }
clusters:
  IA: { role: inode }
  IC: { role: inode }
links:
  VN-1: { members: [IA, IC] }
paths:
  there: { from: [EN-1], to: EN-2 }
  back: { from: [EN-2], to: EN-1 }
policies:
  - { type: all, paths: [there, back] }
`;

function problemsAfter(find: string, replacement: string): string[] {
  const text = ROUTED.replace(find, replacement);
  expect(text).not.toBe(ROUTED);
  return inspectGridFile(text).problems.map(({ line, column, what, remedy }) => {
    expect(remedy).not.toBe('');
    return `${line}:${column} ${what}`;
  });
}

describe('layer-3 networks and routes in a grid file', () => {
  it('FG-590: are read with the MAC address of the scheme, the network of a next hop, and what is said of neither', () => {
    const { settings } = loadGridFile(ROUTED, 'grid.yaml');
    expect(settings.networks).toEqual([
      {
        id: 1,
        name: 'EN-1',
        cluster: 1,
        tagged: false,
        router: { mac: '02:f1:60:01:ff:01', addresses: ['192.0.2.1/25', '2001:db8:1::1/64'] },
      },
      {
        id: 2,
        name: 'EN-2',
        cluster: 2,
        tagged: false,
        router: { mac: '02:f1:60:02:ff:02', addresses: ['198.51.100.1/24'] },
      },
      { id: 3, name: 'EN-3', cluster: 2, tagged: false },
    ]);
    expect(settings.routes).toEqual([
      { prefix: '0.0.0.0/0', via: '198.51.100.254', network: 2 },
      { prefix: '2001:db8:9::/48', via: 'fe80::9', network: 1 },
    ]);
    const own = ROUTED.replace(
      'mode: layer-3, addresses: 198',
      'mode: layer-3, mac: 02:00:5E:00:53:01, addresses: 198',
    );
    expect(loadGridFile(own, 'grid.yaml').settings.networks[1]!.router!.mac).toBe('02:00:5e:00:53:01');
  });

  it('FG-602: have the MTU that is given, and none where none is', () => {
    const narrow = ROUTED.replace('cluster: IC, mode', 'cluster: IC, mtu: 576, mode').replace(
      'EN-3: { cluster: IC }',
      'EN-3: { cluster: IC, mtu: 1400 }',
    );
    const { settings } = loadGridFile(narrow, 'grid.yaml');
    expect(settings.networks.map(({ router }) => router?.mtu)).toEqual([undefined, 576, undefined]);
    const [east] = settings.networks.slice(1);
    expect(east!.router).toEqual({ mac: '02:f1:60:02:ff:02', addresses: ['198.51.100.1/24'], mtu: 576 });
    const state = foreseenState(loadGridFile(narrow, 'grid.yaml'));
    expect(state.grid!.networks).toEqual(settings.networks);
    const changed = planCommands(state, loadGridFile(ROUTED, 'grid.yaml'));
    expect(changed.map(({ type }) => type)).toEqual(['ReconfigureGrid']);
  });

  it.each([
    [
      'cluster: IC, mode',
      'cluster: IC, mtu: 575, mode',
      '4:29 network EN-2: an MTU of 575 is less than the 576 of a router',
    ],
    [
      'cluster: IA, mode',
      'cluster: IA, mtu: 1279, mode',
      '3:29 network EN-1: an MTU of 1279 is less than the 1280 of IPv6',
    ],
  ])('FG-602: %s as %s is refused where it stands, with what to do', (find, replacement, problem) => {
    expect(problemsAfter(find, replacement)).toEqual([problem]);
  });

  it('FG-602: a network that an IPv6 route leads to has to take what IPv6 needs, whatever its addresses', () => {
    const mtu = (network: string): string[] =>
      inspectGridFile(
        ROUTED.replace('cluster: IC, mode', 'cluster: IC, mtu: 1279, mode').replace(
          'network: EN-1',
          `network: ${network}`,
        ),
      ).problems.map(({ line, column, what }) => `${line}:${column} ${what}`);
    expect(mtu('EN-2')).toEqual(['4:29 network EN-2: an MTU of 1279 is less than the 1280 of IPv6']);
    expect(mtu('EN-1')).toEqual([]);
  });

  it('FG-590: are part of the grid and of its topologies, and reading the file again changes nothing', () => {
    const desired = loadGridFile(EXAMPLE, 'routed.yaml');
    const state = foreseenState(desired);
    expect(state.grid!.routes).toHaveLength(3);
    expect(planCommands(state, desired)).toEqual([]);
    const { routes: _, ...without } = desired.settings;
    const changed = planCommands(state, { ...desired, settings: without });
    expect(changed.map(({ type }) => type)).toEqual(['ReconfigureGrid']);
    expect(planCommands(initialState(), desired)[0]).toMatchObject({
      type: 'CreateGrid',
      data: { routes: state.grid!.routes },
    });
  });

  it.each([
    [
      '198.51.100.1/24 }',
      '192.0.2.9/24 }',
      [
        '4:50 network EN-2: 192.0.2.9/24 overlaps 192.0.2.1/25 of network EN-1',
        '7:31 route 0.0.0.0/0: 198.51.100.254 is on no prefix of a layer-3 network',
      ],
    ],
    ['192.0.2.1/25,', '192.0.2.1/33,', ['3:51 network EN-1: 192.0.2.1/33 is no address with a prefix']],
    ['192.0.2.1/25,', '192.0.2.1,', ['3:51 network EN-1: 192.0.2.1 is no address with a prefix']],
    [
      '192.0.2.1/25,',
      '192.0.2.127/25,',
      ["3:51 network EN-1: 192.0.2.127/25 is the broadcast address of its prefix, and no station's address"],
    ],
    [
      '192.0.2.1/25,',
      '224.0.0.1/25,',
      ["3:51 network EN-1: 224.0.0.1/25 is a group, or reserved, and no station's address"],
    ],
    [
      'addresses: 198.51.100.1/24',
      'addresses: []',
      [
        '4:3 network EN-2: a layer-3 network needs an address',
        '7:31 route 0.0.0.0/0: 198.51.100.254 is on no prefix of a layer-3 network',
      ],
    ],
    [
      'addresses: 198',
      'mac: 01:00:5e:00:00:01, addresses: 198',
      ['4:44 network EN-2: 01:00:5e:00:00:01 is no MAC address of one station'],
    ],
    ['addresses: 198', 'tagged: true, addresses: 198', ['4:3 network EN-2: a layer-3 network has no VLAN tags']],
    [
      'EN-3: { cluster: IC }',
      'EN-3: { cluster: IC, addresses: [10.0.0.1/8] }',
      ['5:35 network EN-3: "addresses" is for a router'],
    ],
    [
      'mode: layer-3, addresses: 198',
      'mode: routed, addresses: 198',
      ['4:30 network EN-2: mode must be one of layer-2, layer-3'],
    ],
    ['via: 198.51.100.254 ', 'via: 198.51.100.1 ', ['7:31 route 0.0.0.0/0: 198.51.100.1 is the router itself']],
    [
      'via: 198.51.100.254 ',
      'via: 203.0.113.1, network: EN-2 ',
      ['7:31 route 0.0.0.0/0: 203.0.113.1 is on none of the prefixes of network EN-2 (198.51.100.1/24)'],
    ],
    ['via: 198.51.100.254 ', 'via: nowhere ', ['7:31 route 0.0.0.0/0: nowhere is no address']],
    [', network: EN-1 }', ' }', ['8:39 route 2001:db8:9::/48: fe80::9 is on every network']],
    ['network: EN-1 }', 'network: EN-7 }', ['8:59 there is no network EN-7']],
    ['network: EN-1 }', 'network: EN-3 }', ['8:59 route 2001:db8:9::/48: network EN-3 is no layer-3 network']],
    [
      'prefix: 0.0.0.0/0',
      'prefix: 10.0.0.1/8',
      ['7:15 route 10.0.0.1/8: this is no prefix, or bits are set behind its length'],
    ],
    ['prefix: 0.0.0.0/0', 'prefix: 192.0.2.0/25', ['7:15 route 192.0.2.0/25: network EN-1 has this prefix itself']],
    [
      '"2001:db8:9::/48", via: "fe80::9", network: EN-1',
      '0.0.0.0/0, via: 198.51.100.253',
      ['8:15 route 0.0.0.0/0: there is a route for this prefix already'],
    ],
    [
      'via: "fe80::9"',
      'via: 192.0.2.9',
      ["8:39 route 2001:db8:9::/48: 192.0.2.9 is no address of the prefix's IP version"],
    ],
    [
      'to: EN-2 }',
      'to: EN-3 }',
      [
        '4:3 no path begins or ends at layer-3 network EN-2',
        '7:5 route 0.0.0.0/0 leads to network EN-2, to which no path does',
        '15:3 path there joins EN-1, which is routed, to EN-3, which is bridged',
      ].slice(1),
    ],
    [
      'routes:',
      'bridgeDomains: { all: [EN-2, EN-3] }\nroutes:',
      ['4:3 network EN-2: a layer-3 network is in no bridge domain'],
    ],
  ])('FG-590: %s as %s is refused where it stands, with what to do', (find, replacement, problems) => {
    expect(problemsAfter(find, replacement)).toEqual(problems);
  });

  it('FG-590: paths of one type through the same clusters may lead to different networks where these are routed', () => {
    const text = ROUTED.replace(
      'EN-3: { cluster: IC }',
      'EN-3: { cluster: IC, mode: layer-3, addresses: [203.0.113.1/24] }',
    ).replace('  back:', '  further: { from: [EN-1], to: EN-3 }\n  back:');
    expect(inspectGridFile(text.replace('[there, back]', '[there, further, back]')).problems).toEqual([]);
  });

  it('FG-600: interfaces of a capture name the networks at which their frames enter', () => {
    const with3 = (interfaces: string): string =>
      `${ROUTED}capture: { initiator: EN-1, responder: EN-2, interfaces: ${interfaces} }\n`;
    expect(loadGridFile(with3('{ eth0: EN-1, wan: EN-2 }'), 'grid.yaml').settings.capture!.interfaces).toEqual([
      { name: 'eth0', network: 1 },
      { name: 'wan', network: 2 },
    ]);
    const [problem] = inspectGridFile(with3('{ eth0: EN-9 }')).problems;
    expect(problem).toMatchObject({ line: 19, what: 'there is no network EN-9' });
  });
});
