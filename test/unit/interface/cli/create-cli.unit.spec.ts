import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FlowgridError } from '../../../../domain/base/errors';
import { createCli, type Io, type Programs } from '../../../../interface/cli';

type Call = readonly [program: string, options: object];

function fixture(behaviour: (program: string) => Promise<number> = async () => 0) {
  const calls: Call[] = [];
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    paint: (text) => err.push(text),
    isTerminal: false,
    columns: () => 100,
    interrupted: new AbortController().signal,
  };
  const program = (name: string) => (options: object) => {
    calls.push([name, options]);
    return behaviour(name);
  };
  const programs: Programs = {
    up: program('up'),
    classify: program('classify'),
    validate: program('validate'),
    trace: program('trace'),
    audit: program('audit'),
    log: program('log'),
    check: program('check'),
    link: program('link'),
    arrangeLinks: program('arrangeLinks'),
    probe: program('probe'),
    migrate: program('migrate'),
    mnode: program('mnode'),
    agent: program('agent'),
    status: program('status'),
    stats: program('stats'),
    submit: program('submit'),
    replicate: program('replicate'),
    package: program('package'),
    start: program('start'),
    scale: program('scale'),
    workflow: program('workflow'),
    play: program('play'),
    record: program('record'),
  };
  const cli = createCli(programs, io, '1.2.3');
  return { calls, out, err, run: (line: string) => cli.run(line === '' ? [] : line.split(' ')) };
}

const READING = ['trace', 'audit', 'log', 'check', 'link', 'probe'];
const DISTRIBUTED = ['mnode', 'status', 'stats', 'mode', 'replicate', 'submit', 'agent', 'package', 'play', 'record'];
const PROVISIONING = ['scale', 'workflow', 'replace', 'upgrade', 'clone'];
const COMMANDS = ['up', 'classify', 'validate', ...READING, ...DISTRIBUTED, ...PROVISIONING, 'completion'];

/** What `play` is told where nothing else is said. */
const PLAYED = {
  generated: { flowsPerSecond: 100, seconds: 10, payload: 256, seed: 1 },
  to: { host: '127.0.0.1', port: 6001 },
  speed: 1,
};

describe('the command line', () => {
  it('FG-198: refuses to feed a capture once and again and again', async () => {
    const { calls, err, run } = fixture();
    expect(await run('up g.yaml --once --loop')).toBe(2);
    expect(calls).toEqual([]);
    expect(err.join('\n')).toContain("'--loop' cannot be used with option '--once'");
  });

  it('FG-339: gives stats what is asked about, and refuses what nobody can be asked', async () => {
    const { calls, err, run } = fixture();
    const rest = '--grid g --nats n:4222';
    for (const what of ['', 'cluster AB', 'node AB-1', 'link VN-1', 'type 7 --follow --json']) {
      expect(await run(`stats ${what} ${rest}`.replace('  ', ' '))).toBe(0);
    }
    const common = { grid: 'g', nats: 'n:4222', data: '.flowgrid', json: false, follow: false };
    expect(calls.map(([, options]) => options)).toEqual([
      { ...common, topic: { kind: 'grid' } },
      { ...common, topic: { kind: 'cluster', name: 'AB' } },
      { ...common, topic: { kind: 'node', name: 'AB-1' } },
      { ...common, topic: { kind: 'link', name: 'VN-1' } },
      { ...common, topic: { kind: 'type', flowType: 7 }, follow: true, json: true },
    ]);
    for (const what of ['grid x', 'cluster', 'type seven', 'type 0', 'type 65536', 'planet']) {
      expect(await run(`stats ${what} ${rest}`)).toBe(2);
    }
    expect(err.join('\n')).toContain('which cluster?');
    expect(await run('stats --grid g')).toBe(2);
  });

  it('gives agent its typed options, and refuses addresses that are none', async () => {
    const { calls, err, run } = fixture();
    const common = 'agent --grid g --name h1 --nats n:4222 --key k';
    expect(await run(`${common} --listen 10.0.0.1:7000 --node IA-1 --network EN-1=udp:6001>10.0.0.9:6002 --json`)).toBe(
      0,
    );
    expect(calls).toEqual([
      [
        'agent',
        {
          json: true,
          data: '.flowgrid',
          grid: 'g',
          name: 'h1',
          nats: 'n:4222',
          key: 'k',
          underlay: { kind: 'datagrams', listen: { host: '10.0.0.1', port: 7000 } },
          nodes: 1,
          modules: '.',
          pinned: ['IA-1'],
          networks: [
            { names: ['EN-1'], local: { host: '0.0.0.0', port: 6001 }, remote: { host: '10.0.0.9', port: 6002 } },
          ],
        },
      ],
    ]);
    expect(await run(`${common} --listen nowhere`)).toBe(2);
    expect(err.join('\n')).toContain("--listen: 'nowhere' is not");
  });

  it('FG-580: an agent is reached by UDP or on a LAN, and not both ways or none', async () => {
    const { calls, err, run } = fixture();
    const common = 'agent --grid g --name h1 --nats n:4222 --key k';
    expect(await run(`${common} --lan eth1`)).toBe(0);
    expect(calls).toEqual([['agent', expect.objectContaining({ underlay: { kind: 'lan', interface: 'eth1' } })]]);
    for (const [rest, why] of [
      ['', '--listen or --lan is missing'],
      ['--lan eth1 --listen 10.0.0.1:7000', '--lan and --listen'],
      ['--lan eth1 --advertise 10.0.0.1:7000', '--lan and --advertise'],
    ] as const) {
      expect(await run(`${common} ${rest}`.trim())).toBe(2);
      expect(err.join('\n')).toContain(why);
    }
  });

  it('FG-270: gives log migrate the directory that stands behind it, and log its own', async () => {
    const { calls, run } = fixture();
    expect(await run('log migrate --to data --kafka k:9092 --grid g --data copy --json')).toBe(0);
    expect(await run('log --data here tail')).toBe(0);
    expect(calls).toEqual([
      ['migrate', { json: true, data: 'copy', to: 'data', kafka: 'k:9092', grid: 'g' }],
      ['log', expect.objectContaining({ json: false, data: 'here' })],
    ]);
  });

  it('FG-280 FG-340: sends a switch of a mode as a command, for flows that live where asked', async () => {
    const { calls, err, run } = fixture();
    expect(await run('mode AB copy --by operator:eva --within 500 --data d --json')).toBe(0);
    const command = { type: 'SwitchClusterMode', data: { cluster: 'AB', mode: 'copy' } };
    const what = 'AB in mode copy for new flows';
    expect(calls).toEqual([['submit', { command, what, by: 'operator:eva', withinMs: 500, data: 'd', json: true }]]);
    expect(await run('mode AB sideways')).toBe(2);
    expect(await run('mode AB')).toBe(2);
    expect(await run('mode AB drop --existing')).toBe(0);
    expect(calls.slice(1)).toMatchObject([
      [
        'submit',
        {
          command: { type: 'SwitchClusterMode', data: { cluster: 'AB', mode: 'drop', existing: true } },
          what: 'AB in mode drop for new flows and those that live',
        },
      ],
    ]);
    expect(err.join('\n')).toContain('Allowed choices are through, copy, bypass, drop');
  });

  it('FG-367: gives scale and workflow what is asked, and refuses what cannot be', async () => {
    const { calls, run } = fixture();
    const common = { data: '.flowgrid', json: false, by: 'eva', withinMs: 10_000, drainWithinMs: 0, wait: true };
    expect(await run('scale AB --to 4 --by eva')).toBe(0);
    expect(await run('scale 2 --to 1 --node AB-2 --node 3 --no-wait --id x --drain-within 500 --by eva')).toBe(0);
    expect(calls.map(([, options]) => options)).toEqual([
      { ...common, cluster: 'AB', to: 4, nodes: [] },
      { ...common, cluster: '2', to: 1, nodes: ['AB-2', '3'], wait: false, id: 'x', drainWithinMs: 500 },
    ]);
    for (const wrong of ['scale AB', 'scale AB --to 0', 'scale AB --to many', 'scale AB --to 128', 'scale --to 3']) {
      expect(await run(wrong)).toBe(2);
    }
    calls.length = 0;
    const acts = ['list', 'show a/1', 'cancel a/1', 'signal a/1 approve', 'signal a/1 approve {"by":"eva"}'];
    for (const act of acts) expect(await run(`workflow ${act}`)).toBe(0);
    expect(calls.map(([, options]) => (options as { act: object }).act)).toEqual([
      { kind: 'list' },
      { kind: 'show', id: 'a/1' },
      { kind: 'cancel', id: 'a/1' },
      { kind: 'signal', id: 'a/1', name: 'approve', payload: true },
      { kind: 'signal', id: 'a/1', name: 'approve', payload: { by: 'eva' } },
    ]);
    for (const wrong of ['workflow', 'workflow show', 'workflow signal a/1', 'workflow signal a/1 go {'])
      expect(await run(wrong)).toBe(2);
  });

  it('FG-370: gives mnode the Temporal server, and refuses a namespace of none', async () => {
    const { calls, run } = fixture();
    expect(await run('mnode g.yaml --name MA-1 --temporal t:7233')).toBe(0);
    expect(await run('mnode g.yaml --name MA-1 --temporal t:7233 --temporal-namespace ops --temporal-queue q')).toBe(0);
    expect(calls.map(([, options]) => (options as { temporal: object }).temporal)).toEqual([
      { address: 't:7233', namespace: 'default' },
      { address: 't:7233', namespace: 'ops', taskQueue: 'q' },
    ]);
    expect(await run('mnode g.yaml --name MA-1 --temporal-namespace ops')).toBe(2);
    expect(await run('mnode g.yaml --name MA-1 --temporal t:7233,u:7233')).toBe(2);
  });

  it('FG-346: sends an order to replicate a flow, or to stop, and refuses what is neither', async () => {
    const { calls, err, run } = fixture();
    expect(await run('replicate 0x01abcdef --to trial --by operator:eva --data d')).toBe(0);
    expect(await run('replicate 0x01abcdef --stop --data d --json')).toBe(0);
    const flow = 0x01abcdef;
    expect(calls).toMatchObject([
      ['replicate', { flow, mustRun: true, command: { type: 'ReplicateFlow', data: { flow, path: 'trial' } } }],
      ['replicate', { flow, mustRun: false, command: { type: 'StopReplication', data: { flow } }, json: true }],
    ]);
    expect(await run('replicate 0x01abcdef')).toBe(2);
    expect(await run('replicate 0x01abcdef --to trial --stop')).toBe(2);
    expect(await run('replicate web --to trial')).toBe(2);
    expect(calls.length).toBe(2);
    expect(err.join('\n')).toContain('give either --to PATH, or --stop');
  });

  it('gives up its typed options', async () => {
    const { calls, run } = fixture();
    const code = await run(
      'up g.yaml --capture c.pcap --speed max --once --report r.json --kill AB-2@0.5 --kill AC-1@0.75 --revive AB-2@1 ' +
        '--scale AB=4@0.7 --policy AB=redirect --selection distributed --seed 7 --workers 2 --out o --internal-out i --internal-comments --receipts t --json',
    );
    expect(code).toBe(0);
    expect(calls).toEqual([
      [
        'up',
        {
          grid: 'g.yaml',
          capture: 'c.pcap',
          speed: 'max',
          once: true,
          loop: false,
          report: 'r.json',
          kills: [
            { node: 'AB-2', fraction: 0.5 },
            { node: 'AC-1', fraction: 0.75 },
          ],
          revives: [{ node: 'AB-2', fraction: 1 }],
          scales: [{ cluster: 'AB', nodes: 4, fraction: 0.7 }],
          policies: [{ cluster: 'AB', policy: 'redirect' }],
          selection: 'distributed',
          seed: 7,
          workers: 2,
          out: 'o',
          internalOut: 'i',
          internalComments: true,
          receipts: 't',
          json: true,
          data: '.flowgrid',
        },
      ],
    ]);
  });

  it('gives up its defaults, and forgets the options of an earlier run', async () => {
    const { calls, run } = fixture();
    await run('up g.yaml --kill AB-2@0.5 --loop');
    await run('up g.yaml');
    expect(calls[1]![1]).toEqual({
      grid: 'g.yaml',
      speed: 1,
      once: false,
      loop: false,
      kills: [],
      revives: [],
      scales: [],
      policies: [],
      workers: 1,
      internalComments: false,
      json: false,
      data: '.flowgrid',
    });
  });

  it.each([
    [
      'classify a.pcap b.pcap --idle none --json',
      'classify',
      { captures: ['a.pcap', 'b.pcap'], idle: 'none', json: true },
    ],
    ['classify a.pcap --idle 2.5', 'classify', { captures: ['a.pcap'], idle: 2.5 }],
    ['validate g.yaml', 'validate', { grid: 'g.yaml' }],
    ['trace 0x0100abcd', 'trace', { subject: { kind: 'flow', flow: 0x0100abcd } }],
    [
      'trace a.pcap:12 --grid new.yaml',
      'trace',
      { subject: { kind: 'frame', capture: 'a.pcap', frame: 12 }, grid: 'new.yaml' },
    ],
    [
      'trace tcp 10.0.0.1:1234 10.0.0.2:80 --at +12.5s',
      'trace',
      {
        subject: { kind: 'tuple', tuple: { proto: 6, a: '10.0.0.1', aPort: 1234, b: '10.0.0.2', bPort: 80 } },
        at: { kind: 'offset', ms: 12_500 },
      },
    ],
    ['audit', 'audit', { action: 'state' }],
    ['audit state --at 42', 'audit', { action: 'state', at: { kind: 'seq', seq: 42 } }],
    ['audit flow 0x01000002', 'audit', { action: 'flow', flow: 0x01000002 }],
    [
      'audit history --since 1714564800.5 --until 2024-05-01T12:00:10Z',
      'audit',
      { action: 'history', since: { kind: 'time', at: 1714564800500 }, until: { kind: 'time', at: 1714564810000 } },
    ],
    ['audit verify --data /tmp/g', 'audit', { action: 'verify', data: '/tmp/g' }],
    ['log', 'log', { action: 'tail', follow: false, lines: 20 }],
    ['log dump --follow --since 7', 'log', { action: 'dump', follow: true, lines: 20, since: { kind: 'seq', seq: 7 } }],
    ['check --json', 'check', { json: true }],
    ['link list --at 42', 'link', { act: { kind: 'list' }, at: { kind: 'seq', seq: 42 } }],
    ['link show VN-1 g.yaml --json', 'link', { act: { kind: 'show', name: 'VN-1' }, file: 'g.yaml', json: true }],
    ['link plan g.yaml', 'link', { act: { kind: 'plan', format: 'text' }, file: 'g.yaml' }],
    ['link export g.yaml', 'link', { act: { kind: 'export' }, file: 'g.yaml' }],
    [
      'play c.pcap --to [::1]:6001 --back far:6004 --speed max',
      'play',
      {
        ...PLAYED,
        capture: 'c.pcap',
        to: { host: '::1', port: 6001 },
        back: { host: 'far', port: 6004 },
        speed: 'max',
      },
    ],
    [
      'play --to 127.0.0.1:6001 --rate 0.5 --flows 2.5 --for 60 --payload 8 --seed 7',
      'play',
      { ...PLAYED, rate: 0.5, generated: { flowsPerSecond: 2.5, seconds: 60, payload: 8, seed: 7 } },
    ],
    ['record --from 7004', 'record', { from: { host: '0.0.0.0', port: 7004 } }],
    [
      'record o.pcapng --from 127.0.0.1:0 --for 1.5 --silence 5',
      'record',
      { file: 'o.pcapng', from: { host: '127.0.0.1', port: 0 }, seconds: 1.5, silence: 5 },
    ],
  ])('takes apart: %s', async (line, program, options) => {
    const { calls, run } = fixture();
    expect(await run(line)).toBe(0);
    expect(calls).toEqual([[program, { json: false, data: '.flowgrid', ...options }]]);
  });

  it.each([
    ['', 'Usage: flowgrid'],
    ['fly', "unknown command 'fly'"],
    ['up', "missing required argument 'grid'"],
    ['up g.yaml --hurry', "unknown option '--hurry'"],
    ['up g.yaml --kill AB-2', "--kill: 'AB-2' is not NODE@FRACTION"],
    ['up g.yaml --kill AB-2@half', "--kill: 'half' is not a fraction"],
    ['up g.yaml --kill AB-2@1.5', "--kill: '1.5' is not a fraction"],
    ['up g.yaml --scale AB@0.5', "--scale: 'AB@0.5' is not CLUSTER=N@FRACTION"],
    ['up g.yaml --scale AB=0@0.5', "--scale: 'AB=0@0.5' is not CLUSTER=N@FRACTION"],
    ['up g.yaml --policy AB=hope', "--policy: 'AB=hope' is not CLUSTER="],
    ['up g.yaml --selection both', "argument 'both' is invalid"],
    ['up g.yaml --speed 0', "--speed: '0' is not 1, 10 or max"],
    ['up g.yaml --seed 4294967296', "--seed: '4294967296' is not an integer from 0 to 4294967295"],
    ['up g.yaml --workers 0', "--workers: '0' is not an integer from 1 to 64"],
    ['classify', "missing required argument 'capture'"],
    ['classify a --idle soon', "--idle: 'soon' is not SECONDS or none"],
    ['trace tcp 10.0.0.1', 'names no flow, frame or connection'],
    ['trace 0x1ffffffff', 'is no flow ID'],
    ['audit everything', "'everything' is invalid"],
    ['audit flow', "'audit flow' needs a flow ID"],
    ['audit state 7', "'audit state' takes no '7'"],
    ['audit --at yesterday', "'yesterday' names no instant"],
    ['log --lines none', "--lines: 'none' is not an integer"],
    ['play c.pcap', "required option '--to <host:port>' not specified"],
    ['play --to 127.0.0.1', "--to: '127.0.0.1' is not HOST:PORT"],
    ['play --to 127.0.0.1:0', "--to: '127.0.0.1:0' is not HOST:PORT"],
    ['play --to a:1 --rate 0', "--rate: '0' is not a number above 0"],
    ['play --to a:1 --rate 5 --speed 2', "'--rate <frames>' cannot be used with option '--speed <times>'"],
    ['play --to a:1 --payload 1461', "--payload: '1461' is not an integer from 8 to 1460"],
    ['record', "required option '--from <port>' not specified"],
    ['record --from nowhere', "--from: 'nowhere' is not PORT or HOST:PORT"],
    ['record --from 65536', "--from: '65536' is not PORT or HOST:PORT"],
    ['record --from 7004 --silence Infinity', "--silence: 'Infinity' is not a number above 0"],
  ])("refuses '%s' with exit 2 and a remedy, and runs nothing", async (line, message) => {
    const { calls, out, err, run } = fixture();
    expect(await run(line)).toBe(2);
    expect(err.join('\n')).toContain(message);
    if (line !== '') expect(err.join('\n')).toContain('remedy: ');
    expect(out).toEqual([]);
    expect(calls).toEqual([]);
  });

  it.each([
    ['up g.yaml --kill AB-2@1.5', '--kill AB-2@0.5'],
    ['up g.yaml --scale AB=4@2', '--scale AB=4@0.7'],
  ])("answers '%s' with an example that can be typed", async (line, example) => {
    const { err, run } = fixture();
    await run(line);
    expect(err.join('\n')).toContain(`for example ${example}`);
  });

  it('says defaults in help where they are news', async () => {
    const { out, run } = fixture();
    await run('up --help');
    expect(out.join('\n')).not.toMatch(/default: (false|\[\])/);
    expect(out.join('\n')).toContain('default: ".flowgrid"');
    expect(out.join('\n').replace(/\s+/g, ' ')).toContain('(choices: "centralized", "distributed")');
  });

  it('hands on the exit code of the program', async () => {
    expect(await fixture(async () => 4).run('check')).toBe(4);
  });

  it.each([
    ['not-found', 5],
    ['timeout', 6],
    ['invalid-grid', 2],
    ['invalid-record', 4],
    ['interrupted', 130],
    ['log-locked', 1],
  ] as const)("turns a '%s' error into exit %d, its message and its remedy", async (word, code) => {
    const error = new FlowgridError(word, 'grid.yaml:3:5 is odd', { remedy: 'make it even' });
    const { err, run } = fixture(() => Promise.reject(error));
    expect(await run('check')).toBe(code);
    expect(err).toEqual(['flowgrid: grid.yaml:3:5 is odd', '  remedy: make it even']);
  });

  it('turns any other error into exit 1, and shows where it came from', async () => {
    const { err, run } = fixture(() => Promise.reject(new TypeError('no such thing')));
    expect(await run('check')).toBe(1);
    expect(err[0]).toBe('flowgrid: unexpected: no such thing');
    expect(err.length).toBeGreaterThan(1);
  });

  it.each(COMMANDS)("shows help with examples for '%s' on stdout, exit 0", async (command) => {
    const { out, err, run } = fixture();
    expect(await run(`${command} --help`)).toBe(0);
    expect(out.join('\n')).toMatch(new RegExp(`Usage: flowgrid ${command}[\\s\\S]*Examples:\\n {2}# .+\\n {2}\\$ `));
    // What an example names is there, so that it can be pasted.
    const files = out.join('\n').match(/\bexamples\/[\w./-]*\w/g) ?? [];
    expect(files.filter((file) => !existsSync(join(__dirname, '../../../..', file)))).toEqual([]);
    expect(err).toEqual([]);
  });

  it('prints its version', async () => {
    const { out, run } = fixture();
    expect(await run('--version')).toBe(0);
    expect(out).toEqual(['1.2.3']);
  });

  it.each([
    [
      'create a --kind star --root IA --members AB,IC-1 --no-hub --vlans 7,9-11',
      {
        kind: 'create',
        name: 'a',
        edit: { kind: 'star', root: 'IA', members: ['AB', 'IC-1'], hub: false, vlans: [7, 9, 10, 11] },
      },
      {},
    ],
    [
      'change a --promiscuous none --vlans all --dry-run',
      { kind: 'change', name: 'a', edit: { promiscuous: [], vlans: 'all' } },
      { dryRun: true },
    ],
    ['delete a b --grid g --nats n:1', { kind: 'delete', names: ['a', 'b'] }, { grid: 'g', nats: 'n:1' }],
    ['apply l.yaml --prune', { kind: 'apply', file: 'l.yaml', prune: true }, {}],
  ])('FG-564: takes apart: link %s', async (line, act, options) => {
    const { calls, run } = fixture();
    expect(await run(`link ${line} --by operator:eva`)).toBe(0);
    const common = { json: false, data: '.flowgrid', dryRun: false, by: 'operator:eva', withinMs: 10_000 };
    expect(calls).toEqual([['arrangeLinks', { ...common, ...options, act }]]);
  });

  it('FG-516: takes apart: link connect', async () => {
    const { calls, run } = fixture();
    expect(await run('link connect near standby --by operator:eva')).toBe(0);
    const command = { type: 'ConnectLinkEnd', data: { link: 'near', end: 'standby' } };
    const common = { json: false, data: '.flowgrid', by: 'operator:eva', withinMs: 10_000 };
    expect(calls).toEqual([['submit', { ...common, command, what: 'near on its standby' }]]);
    expect(await run('link connect near root')).toBe(2);
  });

  it.each(['link create a --vlans 9-7', 'link create a --kind ring', 'link delete', 'link change a --mtu 5'])(
    'FG-564: refuses: %s',
    async (line) => {
      const { calls, run } = fixture();
      expect(await run(line)).toBe(2);
      expect(calls).toEqual([]);
    },
  );

  it.each(['bash', 'zsh'])('completes every command and its options in %s', async (shell) => {
    const { out, run } = fixture();
    expect(await run(`completion ${shell}`)).toBe(0);
    for (const command of COMMANDS) expect(out[0]).toContain(`${command})`);
    expect(out[0]).toContain('--internal-out');
    expect(out[0]).toContain('state flow history verify');
    expect(out[0]).toContain('--promiscuous');
  });
});
