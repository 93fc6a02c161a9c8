import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMemoryLog } from '../../../../../adapters/log/memory';
import { SimClock } from '../../../../../adapters/sim/sim-clock';
import { nodeRef } from '../../../../../domain/base/ids';
import { initialState } from '../../../../../domain/grid-state';
import { createControlPlane, type ControlPlane } from '../../../../../runtime/control/control-plane';
import {
  applyDesired,
  inspectGridFile,
  loadGridFile,
  planCommands,
  withOverrides,
} from '../../../../../runtime/control/grid-file';
import { viewOf } from '../../../../../projections';

const example = (name: string): string => readFileSync(join(__dirname, '../../../../../examples', name), 'utf8');
const FIGURE_4 = example('figure-4.yaml');

const SMALL = `grid: small
networks:
  EN-1: { cluster: IA }
  EN-2: { cluster: IC }
clusters:
  IA: { role: inode }
  AB: { nodes: 2 }
  IC: { role: inode }
links:
  VN-1: { members: [IA, AB, IC] }
paths:
  main: { from: [EN-1], through: [AB], to: EN-2 }
policies:
  - { type: all, paths: [main] }
`;

/** The problems of SMALL after one replacement, as `line:column what`. */
function problemsAfter(find: string, replacement: string): string[] {
  const text = SMALL.replace(find, replacement);
  expect(text).not.toBe(SMALL);
  return inspectGridFile(text).problems.map(({ line, column, what }) => `${line}:${column} ${what}`);
}

async function planeWith(text: string): Promise<{ plane: ControlPlane; clock: SimClock }> {
  const clock = new SimClock(1_000);
  const plane = createControlPlane({ log: createMemoryLog(), clock, timers: clock, name: 'MA-1' });
  await plane.start();
  await applyDesired(plane, loadGridFile(text, 'grid.yaml'), { by: 'operator:test', clock });
  await plane.settle();
  return { plane, clock };
}

describe('a grid file', () => {
  it('FG-464: idle timeouts shorter than backups hold frames are refused, with the place and what to write', () => {
    const timed = (timing: string): string => `timing: ${timing}\nnetworks:`;
    const least = (ms: number, held: number): string =>
      `timing: udpIdleMs is ${ms} ms, less than the ${held} ms for which backups hold frames`;
    expect(problemsAfter('networks:', timed('{ udpIdleMs: 60 }'))).toEqual([]);
    expect(problemsAfter('networks:', timed('{ udpIdleMs: 59 }'))).toEqual([`2:22 ${least(59, 60)}`]);
    const slow = '{ udpIdleMs: 2500, detectMultiplier: 30, helloMs: 100 }';
    expect(problemsAfter('networks:', timed(slow))).toEqual([`2:22 ${least(2500, 3500)}`]);
    const byDefault = problemsAfter('networks:', timed('{ helloMs: 10000 }'));
    expect(byDefault).toEqual([
      '2:20 timing: icmpIdleMs is 30000 ms, less than the 60000 ms for which backups hold frames',
    ]);
  });

  it('FG-185: a cluster says when its nodes are congested, or that they never are', () => {
    const congestionOf = (member: string): unknown =>
      loadGridFile(SMALL.replace('AB: { nodes: 2 }', `AB: { nodes: 2${member} }`), 'grid.yaml').clusters.find(
        ({ name }) => name === 'AB',
      )!.congestion;
    expect(congestionOf('')).toBeUndefined();
    expect(congestionOf(', congestion: {}')).toEqual({ above: 80, below: 60 });
    const all = ', congestion: { above: 70, below: 30, framesPerSecond: 20000 }';
    expect(congestionOf(all)).toEqual({ above: 70, below: 30, framesPerSecond: 20_000 });
    expect(problemsAfter('AB: { nodes: 2 }', 'AB: { congestion: { above: 50, below: 50 } }')).toEqual([
      '7:41 cluster AB: congestion: below must be less than above',
    ]);
  });

  it('FG-350: says how a cluster follows its load, and each mistake there has its place', async () => {
    const autoscaled = (autoscale: string): string => `AB: { nodes: 2, spares: 2, autoscale: ${autoscale} }`;
    const settingsOf = (autoscale: string): unknown =>
      loadGridFile(SMALL.replace('AB: { nodes: 2 }', autoscaled(autoscale)), 'grid.yaml').clusters[1]!.autoscale;
    expect(settingsOf('{ target: { activeFlows: 1000 } }')).toEqual({
      min: 1,
      max: 4,
      target: { activeFlows: 1000 },
      above: 80,
      below: 50,
      windowMs: 10_000,
      cooldown: { outMs: 10_000, inMs: 60_000 },
      schedule: [],
    });
    const whole =
      '{ min: 2, max: 3, target: { latencyUs: 500, throughputBps: 9000000 }, above: 70, below: 40, windowMs: 2000, ' +
      'cooldown: { outMs: 0, inMs: 9 }, schedule: { from: "07:45", until: "18:15", days: [fri, mon], nodes: 3 } }';
    expect(settingsOf(whole)).toEqual({
      min: 2,
      max: 3,
      target: { latencyUs: 500, throughputBps: 9_000_000 },
      above: 70,
      below: 40,
      windowMs: 2_000,
      cooldown: { outMs: 0, inMs: 9 },
      schedule: [{ from: 465, until: 1_095, days: [1, 5], nodes: 3, aheadMinutes: 5 }],
    });
    const problemsOf = (autoscale: string): string[] => problemsAfter('AB: { nodes: 2 }', autoscaled(autoscale));
    expect(problemsOf('{ min: 5 }')).toEqual([
      '7:41 cluster AB: autoscale needs a target',
      '7:48 cluster AB: autoscale: max is less than min',
    ]);
    expect(problemsOf('{ max: 9, target: { utilisation: 100, mood: 1 }, above: 50, below: 50 }')).toEqual([
      '7:48 cluster AB: autoscale: max is 9, and the file lists 4 nodes and spares',
      "7:74 cluster AB: autoscale: target utilisation: the cluster's nodes do not judge theirs",
      '7:79 cluster AB: autoscale: target has no "mood"',
      '7:108 cluster AB: autoscale: below must be less than above',
    ]);
    expect(problemsOf('{ target: { activeFlows: 9 }, schedule: { from: "24:00", until: 7, days: yes } }')).toEqual([
      '7:81 cluster AB: autoscale: schedule: nodes must be an integer from 1 to 4',
      '7:89 cluster AB: autoscale: schedule: from must be a time of the day',
      '7:105 cluster AB: autoscale: schedule: until must be a time of the day',
      '7:114 cluster AB: autoscale: schedule: a day must be one of sun, mon, tue, wed, thu, fri, sat',
    ]);
    expect(
      problemsAfter('IA: { role: inode }', 'IA: { role: inode, autoscale: { target: { activeFlows: 9 } } }'),
    ).toEqual([expect.stringContaining('only clusters of role anode are autoscaled')]);

    const { plane, clock } = await planeWith(SMALL);
    for (const cluster of [1, 2, 3]) plane.hello(nodeRef(cluster, 1), 1);
    await plane.settle();
    const { version } = plane.state.topology;
    expect(version).toBeGreaterThan(0);
    const changed = loadGridFile(SMALL.replace('AB: { nodes: 2 }', autoscaled(whole)), 'grid.yaml');
    await applyDesired(plane, changed, { by: 'operator:test', clock });
    await plane.settle();
    // It is the control plane's business: no node hears of it.
    expect(plane.state.topology.version).toBe(version);
    expect(plane.state.clusters[2]!.settings.autoscale).toEqual(settingsOf(whole));
    expect(viewOf(plane.state).clusters[1]!.autoscale).toEqual(settingsOf(whole));
    expect(planCommands(plane.state, changed)).toEqual([]);
  });

  it('FG-168: says from when on flows are not remembered; what is wrong there has its place', async () => {
    const floodOf = (section: string): unknown =>
      loadGridFile(SMALL.replace('grid: small\n', `grid: small\n${section}`), 'grid.yaml').settings.flood;
    expect(floodOf('')).toBeUndefined();
    expect(floodOf('flood: {}\n')).toEqual({ newFlowsPerSecond: 50_000, flowsPerNode: 20_000 });
    const asked = { newFlowsPerSecond: 0, flowsPerNode: 16 };
    expect(floodOf('flood: { newFlowsPerSecond: 0, flowsPerNode: 16 }\n')).toEqual(asked);
    expect(
      problemsAfter('grid: small\n', 'grid: small\nflood: { newFlowsPerSecond: -1, flowsPerNode: 9, x: 1 }\n'),
    ).toEqual([
      '2:29 flood: newFlowsPerSecond must be an integer from 0 to 10000000',
      '2:47 flood: flowsPerNode must be an integer from 16 to 1000000',
      '2:50 flood has no "x"',
    ]);
    const { plane, clock } = await planeWith(SMALL);
    for (const { node, cluster } of [1, 2, 3].flatMap((id) => [{ cluster: id, node: 1 }])) {
      plane.hello(nodeRef(cluster, node), 1);
    }
    await plane.settle();
    const changed = SMALL.replace('grid: small\n', 'grid: small\nflood: { newFlowsPerSecond: 0, flowsPerNode: 16 }\n');
    await applyDesired(plane, loadGridFile(changed, 'grid.yaml'), { by: 'operator:test', clock });
    await plane.settle();
    expect(plane.state.topology.latest?.flood).toEqual(asked);
  });

  it('figure 4 says what the document says of it', () => {
    const grid = loadGridFile(FIGURE_4, 'figure-4.yaml');
    expect(grid.clusters.map(({ id, name, failure }) => `${id} ${name} ${failure}`)).toEqual([
      '1 IA redirect',
      '2 IB redirect',
      '3 IC redirect',
      '4 AA redirect',
      '5 AB backup',
      '6 AC discard',
      '7 MA redirect',
      '8 MB redirect',
    ]);
    const sizes = grid.clusters.map(({ id }) => grid.nodes.filter((node) => node.cluster === id && !node.spare).length);
    expect(sizes).toEqual([1, 1, 1, 2, 3, 3, 1, 1]);
    expect(grid.nodes.filter(({ spare }) => spare)).toEqual([{ cluster: 5, node: 4, weight: 1, spare: true }]);
    expect(grid.paths[0]).toEqual({ id: 1, name: 'guarded', from: [1], to: 4, clusters: [1, 5, 6, 3] });
    expect(grid.links.map(({ control }) => control)).toEqual([false, false, false, false, true]);
    expect(grid.settings.capture).toEqual({ initiator: 1, responder: 4, rules: [], bridges: [] });
    expect(grid.settings.networks.map(({ bridge }) => bridge)).toEqual([1, undefined, undefined, 1]);
    const types = grid.policies.map(({ typeName }) => typeName);
    expect(types).toEqual(['dns', 'icmp', 'ftp', 'ssh', 'web', 'tls', 'other', 'l2']);
    expect(new Set(grid.policies.map(({ flowType }) => flowType)).size).toBe(8);
  });

  it('figure 5 has two flow paths and twelve flow routes', () => {
    const grid = loadGridFile(example('figure-5.yaml'), 'figure-5.yaml');
    const size = (cluster: number): number => grid.nodes.filter((node) => node.cluster === cluster).length;
    expect(grid.paths.map(({ id }) => id)).toEqual([52, 54]);
    const routes = grid.paths.map(({ clusters }) => clusters.reduce((product, cluster) => product * size(cluster), 1));
    expect(routes.reduce((a, b) => a + b)).toBe(12);
  });

  it('brings about its grid, and a second reading asks for nothing', async () => {
    const { plane } = await planeWith(FIGURE_4);
    const { state } = plane;
    expect(Object.keys(state.clusters)).toHaveLength(8);
    expect(state.clusters[5]!.nodes[1]!.status).toBe('configured');
    expect(state.clusters[5]!.nodes[4]!.status).toBe('admitted');
    expect(state.clusters[7]!.nodes[1]!.status).toBe('active');
    expect(planCommands(state, loadGridFile(FIGURE_4, 'figure-4.yaml'))).toEqual([]);
  });

  it('does not undo what happened to the grid since', async () => {
    const { plane, clock } = await planeWith(SMALL);
    for (const cluster of [1, 3]) plane.hello(nodeRef(cluster, 1), 1);
    plane.hello(nodeRef(2, 1), 1);
    plane.hello(nodeRef(2, 2), 1);
    await plane.settle();
    const body = { type: 'FailNode', data: { cluster: 2, node: 1, incarnation: 1 } } as const;
    await plane.submit({ id: 'fail', by: 'operator:test', deadline: clock.now() + 1_000, body });
    await plane.settle();
    expect(planCommands(plane.state, loadGridFile(SMALL, 'grid.yaml'))).toEqual([]);
  });

  it('changed, asks for the difference alone', async () => {
    const { plane } = await planeWith(SMALL);
    const changed = SMALL.replace('AB: { nodes: 2 }', 'AB: { nodes: 3, failure: discard }');
    expect(planCommands(plane.state, loadGridFile(changed, 'grid.yaml')).map(({ type }) => type)).toEqual([
      'ReconfigureCluster',
      'AdmitNode',
    ]);
    const smaller = SMALL.replace('nodes: 2', 'nodes: 1');
    expect(planCommands(plane.state, loadGridFile(smaller, 'grid.yaml'))).toEqual([
      { type: 'RemoveNode', data: { cluster: 2, node: 2 } },
    ]);
  });

  it('of another grid, is refused whole', async () => {
    const { plane } = await planeWith(SMALL);
    const other = loadGridFile(
      SMALL.replace(/^grid: .*$/m, 'grid: other').replace('nodes: 2', 'nodes: 1'),
      'grid.yaml',
    );
    expect(() => planCommands(plane.state, other)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining('the file describes other') }),
    );
  });

  it('lets the command line decide in its place', () => {
    const desired = loadGridFile(SMALL, 'grid.yaml');
    const overridden = withOverrides(desired, {
      seed: 9,
      selection: 'distributed',
      failure: new Map([['AB', 'redirect']]),
    });
    expect(overridden.settings).toMatchObject({ seed: 9, selection: 'distributed' });
    expect(overridden.clusters.map(({ failure }) => failure)).toEqual(['redirect', 'redirect', 'redirect']);
    expect(desired.clusters[1]!.failure).toBe('backup');
  });

  it.each([
    ['AB: { nodes: 2 }', 'AB: { id: 1 }', '7:13 cluster AB has ID 1, which IA has already'],
    ['IA: { role: inode }', 'IA: { role: anode }', '3:20 network EN-1 connects through IA, which is no INODE cluster'],
    ['through: [AB]', 'through: [AX]', '12:35 there is no cluster AX'],
    ['through: [AB]', 'through: [IC]', '12:35 path main leads through IC, which is no ANODE cluster'],
    ['to: EN-2', 'to: EN-9', '12:44 there is no network EN-9'],
    ['members: [IA, AB, IC]', 'members: [IA, AB]', '12:3 path main: no link joins AB and IC'],
    ['members: [IA, AB, IC]', 'members: [IA, AB, IC], control: true', '12:3 path main: no link joins IA and AB'],
    [
      'members: [IA, AB, IC]',
      'kind: star, members: [IA, AB, IC], direction: forward',
      '12:3 path main: no link takes frames from AB to IA',
    ],
    ['members: [IA, AB, IC]', 'members: [IA, AB, IC], mtu: 1551', '10:39 link VN-1: MTU 1551 is too small'],
    ['nodes: 2', 'nodes: 128', '7:16 cluster AB: nodes must be an integer from 0 to 127'],
    ['nodes: 2', 'knots: 2', '7:9 cluster AB has no "knots"'],
    ['nodes: 2', 'function: { name: pass, config: { rate: 0.5 } }', '7:41 cluster AB: a configuration holds texts'],
    ['  AB: { nodes: 2 }', '  AB: { nodes: 2 }\n  AB: { nodes: 1 }', '8:3 this name is given twice'],
    ['paths: [main]', 'paths: [side]', '14:26 there is no path side'],
    ['type: all', 'type: all, match: { port: http }', '14:33 match: port http is no port'],
    ['type: all', 'type: all, match: { proto: tcp }', '14:5 the last policy, all, does not match every flow'],
    ['type: all', 'type: all, match: { from: [ten/8] }', '14:34 match: from ten/8 is no address prefix'],
  ])('names the place and the remedy: %s → %s', (find, replacement, problem) => {
    expect(problemsAfter(find, replacement).join('\n')).toContain(problem);
  });

  describe('with a filter that sends flows by way of other clusters', () => {
    const filter = (rule: string): string =>
      `nodes: 2, function: { name: packet-filter, config: { rules: [{ action: allow, ${rule} }] } }`;
    const withIds = SMALL.replace('  IC: { role', '  IDS: {}\n  IC: { role');
    const problems = (text: string): string[] =>
      inspectGridFile(text).problems.map(({ line, column, what }) => `${line}:${column} ${what}`);

    it.each(['via', 'skip'])('FG-282: refuses a name in %s that no cluster has', (member) => {
      expect(problemsAfter('nodes: 2', filter(`${member}: [IDX]`))).toEqual([
        expect.stringMatching(/^7:\d+ there is no cluster IDX$/),
      ]);
    });

    it('FG-282: a link must carry the clusters that are put in, and a path leave room for them', () => {
      const small = withIds.replace('members: [IA, AB, IC]', 'members: [IA, AB, IDS, IC], mtu: 1552');
      expect(problems(small)).toEqual([]);
      const diverting = small.replace('nodes: 2', filter('via: [IDS]'));
      expect(problems(diverting)).toEqual([expect.stringContaining('link VN-1: MTU 1552 is too small')]);
      expect(problems(diverting.replace('mtu: 1552', 'mtu: 1554'))).toEqual([]);
      const long = (text: string): string => text.replace('through: [AB]', `through: [${'AB, '.repeat(102)}]`);
      expect(problems(long(withIds))).toEqual([]);
      expect(problems(long(withIds.replace('nodes: 2', filter('via: [IDS]'))))).toEqual([
        '13:3 path main crosses up to 105 clusters where filters send flows via others; a descriptor holds 104',
      ]);
    });
  });

  it('FG-176: asks for a link past clusters that frames may go past', () => {
    const apart = SMALL.replace('members: [IA, AB, IC] }', 'members: [IA, AB] }\n  VN-2: { members: [AB, IC] }');
    const problems = (more: string): string[] =>
      inspectGridFile(apart.replace('nodes: 2', `nodes: 2, ${more}`)).problems.map(({ what }) => what);
    const past = 'path main: no link joins IA and IC, for frames that go past AB';
    for (const more of ['mode: copy', 'mode: bypass', 'whenEmpty: bypass']) expect(problems(more)).toEqual([past]);
    for (const more of ['mode: through', 'mode: drop', 'whenEmpty: drop']) expect(problems(more)).toEqual([]);
  });

  it('FG-170: takes no path for replicas that some flows of the type cannot begin on', () => {
    const text = readFileSync(join(__dirname, '../../../../../examples/replication.yaml'), 'utf8');
    expect(inspectGridFile(text).problems).toEqual([]);
    const figure = FIGURE_4.replace(
      'paths: [light, light-b, light-back] }',
      'paths: [light, light-b], replicateTo: guarded }',
    );
    expect(inspectGridFile(figure).problems.map(({ what }) => what)).toEqual([
      'policy dns: flows on path light-b begin at neither end of guarded, and cannot be replicated to it',
    ]);
  });

  it('FG-460: reads what each kind of link has, a tap before what it listens to, and places what is wrong', () => {
    const read = (links: string): ReturnType<typeof inspectGridFile> =>
      inspectGridFile(`grid: g
networks: { A: { cluster: X }, T: { cluster: Y, tagged: true } }
clusters: { X: { role: inode, nodes: 3 }, Y: { role: inode } }
paths: { p: { from: A, to: T } }
policies: [{ type: all, paths: p }]
links:
  L: { members: [X, Y] }
${links}`);
    const { desired, problems } = read(`  R: { kind: replicated, members: X-3, tap: { link: C, direction: backward } }
  C: { kind: cable, members: [X-1, Y-1] }
  S: { kind: star, members: [X-2, { member: Y, side: root }], hub: true, direction: forward }
  H: { kind: hub, members: [X, { member: X-1, promiscuous: true }] }
  E: { kind: external, members: [T, Y], vlans: [101, 100] }
  Z: { kind: resilient, members: [Y-1, X-1, X-2], restoreMs: 5000 }
`);
    expect(problems).toEqual([]);
    expect(desired.links.slice(1)).toMatchObject([
      { kind: 'replicated', tap: { link: 3, direction: 'backward' } },
      {
        kind: 'cable',
        members: [
          { cluster: 1, node: 1 },
          { cluster: 2, node: 1 },
        ],
      },
      {
        kind: 'star',
        members: [
          { cluster: 1, node: 2 },
          { cluster: 2, side: 'root' },
        ],
        hub: true,
        direction: 'forward',
      },
      { kind: 'hub', members: [{ cluster: 1 }, { cluster: 1, node: 1, promiscuous: true }] },
      { kind: 'external', members: [{ network: 2 }, { cluster: 2 }], vlans: [100, 101] },
      { kind: 'resilient', restoreMs: 5_000 },
    ]);
    expect(
      planCommands(initialState(), desired)
        .filter(({ type }) => type === 'CreateVirtualLink')
        .at(-1),
    ).toMatchObject({
      data: { name: 'R' },
    });
    const wrong = read('  C: { kind: cable, members: [X-1, Y-1, A] }\n').problems;
    expect(wrong.map(({ line, what }) => `${line}: ${what}`)).toEqual([
      '8: link C: a cable link joins exactly two ends, not 3 members',
      '8: link C: A is a network, and a cable link joins none',
    ]);
  });

  it('FG-195: reads bridge domains, and refuses what could not be told apart', () => {
    const base = `grid: g
networks: { A: { cluster: X }, B: { cluster: X }, C: { cluster: Y }, D: { cluster: Y } }
clusters: { X: { role: inode }, Y: { role: inode } }
links: { L: { members: [X, Y] } }
`;
    const problems = (more: string): string[] => inspectGridFile(base + more).problems.map(({ what }) => what);
    const fine = 'paths: { p: { from: A, to: C } }\npolicies: [{ type: all, paths: p }]\n';
    const { desired } = inspectGridFile(`${base}${fine}bridgeDomains: { lan: [A, C] }\n`);
    expect(desired.settings.networks.map(({ bridge }) => bridge)).toEqual([1, undefined, 1, undefined]);
    const older = inspectGridFile(`${base}${fine}capture: { initiator: A, responder: C, bridge: [[A, C]] }\n`).desired;
    expect(older.settings.networks).toEqual(desired.settings.networks);
    expect(problems(`${fine}bridgeDomains: { lan: [A, C], other: [C, D] }\n`)).toEqual([
      'network C is in several bridge domains, or twice in one',
    ]);
    expect(problems(`${fine}bridgeDomains: { lan: [A] }\n`)).toEqual(['bridge domain lan has fewer than two networks']);
    const mixed = 'paths: { p: { from: [A, B], to: C } }\npolicies: [{ type: all, paths: p }]\n';
    expect(problems(`${mixed}bridgeDomains: { lan: [A, C] }\n`)).toEqual([
      'path p begins in networks of different bridge domains',
    ]);
    const twins = 'paths: { p: { from: A, to: C }, q: { from: B, to: D } }\n';
    expect(problems(`${twins}policies: [{ type: all, paths: [p, q] }]\n`)).toEqual([
      'paths p and q of type all lead through the same clusters to different networks',
    ]);
    expect(
      problems(`${twins}policies: [{ type: t, match: { networks: B }, paths: q }, { type: all, paths: p }]\n`),
    ).toEqual([]);
  });

  it('FG-546: a path may end in the cluster that it begins in, whoever selects the nodes', () => {
    const text = `grid: g
selection: centralized
networks: { A: { cluster: I }, B: { cluster: I } }
clusters: { I: { role: inode }, X: {} }
links: { v: { members: [I, X] } }
paths: { p: { from: A, through: X, to: B } }
policies: [{ type: all, paths: p }]
`;
    expect(inspectGridFile(text).problems).toEqual([]);
    expect(inspectGridFile(text.replace('centralized', 'distributed')).problems).toEqual([]);
  });

  it('FG-543: reads which control protocols networks filter, for all or for each', () => {
    const inspect = (policy: string) =>
      inspectGridFile(SMALL.replace('EN-1: { cluster: IA', `EN-1: { linkControl: ${policy}, cluster: IA`));
    const filters = (policy: string): unknown => {
      const { problems, desired } = inspect(policy);
      expect(problems).toEqual([]);
      return desired.settings.networks.map((network) => network.filters);
    };
    expect(filters('pass')).toEqual([undefined, undefined]);
    expect(filters('filter')).toEqual([['spanningTree', 'lacp', 'lldp', 'cdp', 'other'], undefined]);
    expect(filters('{ lldp: filter, cdp: pass, spanningTree: filter }')).toEqual([['spanningTree', 'lldp'], undefined]);
    const wrong = (policy: string): string =>
      inspect(policy)
        .problems.map(({ what, remedy }) => `${what} (${remedy})`)
        .join('; ');
    expect(wrong('drop')).toBe('network EN-1: linkControl must be one of pass, filter (write one of pass, filter)');
    expect(wrong('{ stp: filter }')).toBe(
      'network EN-1: linkControl has no "stp" (known are spanningTree, lacp, lldp, cdp, other)',
    );
    expect(wrong('{ lldp: drop }')).toContain('network EN-1: linkControl: lldp must be one of pass, filter');
  });

  it('FG-190: takes a smaller MTU where the link is called narrow, but not less than IPv6 needs', () => {
    const with_ = (more: string): string[] =>
      inspectGridFile(SMALL.replace('members: [IA, AB, IC]', `members: [IA, AB, IC], ${more}`)).problems.map(
        ({ what, remedy }) => `${what} (${remedy})`,
      );
    expect(with_('mtu: 1400').join()).toContain('or add "narrow: true"');
    expect(with_('mtu: 1400, narrow: true')).toEqual([]);
    expect(with_('mtu: 1332, narrow: true')).toEqual([]);
    expect(with_('mtu: 1331, narrow: true').join()).toContain(
      'link VN-1: MTU 1331 is too small (at least 1332: 1280 that IPv6 needs + 4 of a tag + 48 of the longest descriptor',
    );
    expect(with_('mtu: 1331').join()).not.toContain('narrow');
  });

  it('FG-190: takes links of exactly the external MTU, a tag and the longest descriptor', () => {
    expect(problemsAfter('members: [IA, AB, IC]', 'members: [IA, AB, IC], mtu: 1552')).toEqual([]);
  });

  it('refuses a path that does not fit a descriptor', () => {
    const detour = Array(103).fill('AB').join(', ');
    expect(problemsAfter('through: [AB]', `through: [${detour}]`)).toEqual([
      '12:3 path main crosses 105 clusters; a descriptor holds 104',
    ]);
  });

  it('lists every problem at once, in order of place', () => {
    const text = SMALL.replace('nodes: 2', 'nodes: many').replace('to: EN-2', 'to: EN-9');
    expect(() => loadGridFile(text, 'g.yaml')).toThrow(
      expect.objectContaining({
        code: 'invalid-grid',
        message: expect.stringMatching(/^g\.yaml has 2 problems:\ng\.yaml:7:16: .*\ng\.yaml:12:44: /),
      }),
    );
  });

  it('tells of a text that is no YAML where it breaks, and nothing that follows from it', () => {
    const { problems } = inspectGridFile('grid: x\nclusters: [\n');
    expect(problems.map(({ remedy }) => remedy)).toEqual(['correct the YAML']);
  });

  it.each(['', '[]', 'grid', 'grid: [', '{grid: x, clusters: 3}', ': :', 'grid: &a\nclusters: *b'])(
    'survives %j and says what is wrong',
    (text) => {
      const { problems } = inspectGridFile(text);
      expect(problems.length).toBeGreaterThan(0);
      expect(problems.every(({ line, column }) => line >= 1 && column >= 1)).toBe(true);
    },
  );
});
