import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../../projections';
import { readCaptureFile } from '../support/capture-file';
import { flowgrid, writeCapture } from '../support/up-process';
import { SYN, tcp, udp } from '../unit/dataplane/node/frames';

jest.setTimeout(180_000);

const FUNCTION = join(__dirname, '../../dist/examples/functions/ask-server.js');
const CLIENT = '10.0.0.1';
const WEB = '10.0.0.2';
const SERVER = '10.9.0.53';
const ASKER = '10.0.0.9';

/** IA → AB, which asks a server about each client → AC, a strict filter → IC. */
const GRID = `
grid: asking
networks: { EN-1: { cluster: IA }, EN-4: { cluster: IC } }
clusters:
  IA: { id: 1, role: inode }
  IC: { id: 2, role: inode }
  AB:
    id: 3
    nodes: 1
    failure: redirect
    function: { name: module, config: { path: '${FUNCTION}', server: ${SERVER}, serverPort: 1812, address: ${ASKER}, ports: 40000 } }
  AC: { id: 4, nodes: 2, failure: backup, function: { name: packet-filter, config: { mode: strict } } }
  MA: { id: 5, role: mnode }
links:
  VN-1: { kind: switch, members: [IA, AB] }
  VN-2: { kind: switch, members: [AB, AC] }
  VN-3: { kind: switch, members: [AC, IC] }
  VN-4: { kind: switch, members: [IA, IC, AB, AC, MA], control: true }
paths:
  there: { from: [EN-1], through: [AB, AC], to: EN-4 }
  back: { from: [EN-4], through: [AC, AB], to: EN-1 }
policies:
  - { type: admission, match: { port: 1812 }, paths: [there, back] }
  - { type: all, paths: [there, back] }
capture:
  initiator: EN-1
  responder: EN-4
  rules:
    - { match: { from: [${SERVER}/32] }, initiator: EN-4, responder: EN-1 }
`;

const syn = (port: number, from = CLIENT): Uint8Array =>
  tcp({ from, to: WEB, fromPort: port, toPort: 80, flags: SYN, payload: new Uint8Array(0) });
const says = (text: string): Uint8Array =>
  udp({ from: SERVER, to: ASKER, fromPort: 1812, toPort: 40_001, payload: new TextEncoder().encode(text) });

interface Traced {
  readonly flow: string;
  readonly type: string;
  readonly key: string;
  readonly network: string;
  readonly secondary?: { readonly primary: string; readonly by: string };
  readonly opened?: readonly string[];
  readonly route: readonly { readonly node: string }[];
}

describe.each([
  ['one worker', []],
  ['distributed selection, two workers', ['--selection', 'distributed', '--workers', '2']],
])('FG-325: a function that asks a server outside before it lets a client pass (%s)', (_what, more) => {
  let dir: string;
  let report: Report;
  let left: Buffer[];
  const data = (): string => join(dir, 'data');
  const json = async <Told>(...args: readonly string[]): Promise<Told> => {
    const { code, stdout, stderr } = await flowgrid(...args, '--json', '--data', data());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as Told;
  };
  const nodesOf = ({ route }: Pick<Traced, 'route'>): string[] => route.map(({ node }) => node);

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'flowgrid-secondary-'));
    const grid = join(dir, 'grid.yaml');
    writeFileSync(grid, GRID);
    const frames = [
      syn(41_000),
      says(`yes ${CLIENT}`),
      syn(41_000),
      syn(41_001, '10.0.0.7'),
      says('no 10.0.0.7'),
      syn(41_001, '10.0.0.7'),
      syn(41_002),
    ];
    const [file, out] = [writeCapture(join(dir, 'asking.pcap'), frames, 10), join(dir, 'out.pcapng')];
    const args = ['--capture', file, '--speed', 'max', '--once', '--data', data(), '--out', out];
    const ended = await flowgrid('up', grid, ...args, '--report', join(dir, 'report.json'), ...more);
    expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 });
    report = JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')) as Report;
    left = readCaptureFile(out).frames.map(({ bytes }) => bytes);
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('asks, hears, and lets those pass who may; the filter behind it has seen its connection begin', () => {
    const texts = left.map((bytes) =>
      bytes[23] === 17 ? bytes.subarray(42).toString() : `tcp ${bytes.readUInt16BE(34)}`,
    );
    expect(texts).toEqual(['may 10.0.0.1', 'tcp 41000', 'may 10.0.0.7', 'tcp 41002']);
    expect(report.frames).toMatchObject({ in: 7, out: 4, created: 2, consumed: 2, dropped: { 'not-admitted': 3 } });
  });

  it('the eight invariants hold', () => {
    expect(Object.values(report.invariants)).toEqual(Array.from({ length: 8 }, () => 'held'));
  });

  it('trace and audit show the flow that it opened with the one because of which it did', async () => {
    const [primary, secondary] = await json<Traced[]>('trace', 'tcp', `${CLIENT}:41000`, `${WEB}:80`);
    expect(primary).toMatchObject({ network: 'EN-1', type: 'all', opened: [secondary!.flow] });
    expect(secondary).toMatchObject({
      type: 'admission',
      network: 'AB-1',
      key: `udp ${ASKER}:40001 ${SERVER}:1812`,
      secondary: { primary: primary!.flow, by: 'AB-1' },
    });
    expect(nodesOf(secondary!)).toEqual(nodesOf(primary!).slice(1));
    expect(await json<Traced[]>('trace', secondary!.flow)).toEqual([primary, secondary]);
    const { lives } = await json<{
      lives: { relatives: { flow: string; story: { type: string; what: string }[] }[] }[];
    }>(...['audit', 'flow', primary!.flow]);
    const [relative] = lives[0]!.relatives;
    expect(relative!.flow).toBe(secondary!.flow);
    expect(relative!.story.map(({ type }) => type)).toEqual(['FlowStarted', 'FlowBound', 'FlowEnded']);
    expect(relative!.story[1]!.what).toBe(
      `flow ${secondary!.flow} was opened by the function of AB-1, because of flow ${primary!.flow}`,
    );
  });

  it('people read the same', async () => {
    const { stdout } = await flowgrid('trace', 'udp', `${ASKER}:40001`, `${SERVER}:1812`, '--data', data());
    expect(stdout).toMatch(/Primary of flow 0x[0-9a-f]{8}\n[^]*Opened by the function of AB-1, because of flow 0x/);
  });
});
