import { execFile, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trailerV1 } from '../../dataplane/descriptor/codec';
import { addFrame, beginDatagram } from '../../dataplane/packet-ports/udp/datagram';
import { nodeRef } from '../../domain/base/ids';
import { notRun } from '../support/not-run';
import { hasTshark, withTshark } from '../support/tshark';
import { freeUdpPorts } from '../support/udp';

const root = join(__dirname, '../..');
const PAGE = readFileSync(join(root, 'docs/how-to/read-internal-links.md'), 'utf8');
/** How often a datagram is sent until the capture has it: it does not say from when on it listens. */
const SEND_EVERY_MS = 50;

/** Blocks fenced as `info`, in order, each as its lines. */
function fences(info: string): string[][] {
  return [...PAGE.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)]
    .filter(([, mark]) => mark === info)
    .map(([, , body]) => body!.trimEnd().split('\n'));
}

const suite = withTshark('the page about internal links');

suite('the page about internal links', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'flowgrid-page-'));
    for (const name of ['bin', 'examples', 'interface']) symlinkSync(join(root, name), join(dir, name));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** Runs a command line as a reader of the page would, whose home directory is empty. */
  function run(command: string): Promise<string> {
    const env = { ...process.env, HOME: dir, XDG_CONFIG_HOME: join(dir, '.config') };
    return new Promise((resolve, reject) => {
      execFile('sh', ['-c', command], { cwd: dir, env }, (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(`${command}: ${stderr}`)),
      );
    });
  }

  it('FG-457: its commands say what it shows', async () => {
    expect(fences('sh')).toEqual([]);
    const commands = fences('sh run').flat();
    expect(commands.length).toBeGreaterThanOrEqual(9);
    const said: string[] = [];
    for (const command of commands) {
      const out = await run(command);
      if (command.startsWith('tshark'))
        expect({ command, lines: out.trim() === '' ? 0 : 1 }).toEqual({ command, lines: 1 });
      said.push(...out.split('\n').map(asWords));
    }
    const unsaid = fences('')
      .flat()
      .filter((line) => !said.includes(asWords(line)));
    expect(unsaid).toEqual([]);
  });
});

const canCapture = hasTshark && spawnSync('dumpcap', ['-D']).status === 0 && process.getuid?.() === 0;
const live = canCapture ? describe : notRun('live captures of datagrams', 'capturing takes root and dumpcap');

live('a live capture of datagrams', () => {
  it('FG-457: shows each frame with the time since it entered', async () => {
    const [port] = await freeUdpPorts(1);
    const [[command]] = fences('sh live') as [[string]];
    expect(command).toContain('udp portrange 7001-7005');
    const capture = spawn('sh', ['-c', `exec ${command.replace('portrange 7001-7005', `port ${port}`)} -c 1`], {
      cwd: root,
    });
    let out = '';
    capture.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const ended = new Promise((resolve) => capture.once('exit', resolve));
    const socket = createSocket('udp4');
    const sending = setInterval(() => socket.send(datagram(Date.now() * 1000), port!, '127.0.0.1'), SEND_EVERY_MS);
    await ended;
    clearInterval(sending);
    socket.close();
    const [flow, sequence, sender, sinceIngress] = out.trim().split('\t');
    expect([flow, sequence, sender]).toEqual(['0x01abcdef', '9', '1/1']);
    expect(Number(sinceIngress)).toBeGreaterThanOrEqual(0);
    expect(Number(sinceIngress)).toBeLessThan(60_000_000);
  });
});

/** What an agent sends: one frame in a datagram, which entered at `time` (microseconds since 1970). */
function datagram(time: number): Uint8Array {
  const mac = new Uint8Array(6);
  const path = [{ cluster: 1, node: 1, processed: true }];
  const sealed = trailerV1.seal(
    new Uint8Array(60),
    {
      destination: mac,
      source: mac,
      flags: 1,
      wireId: 1,
      flowType: 7,
      flowId: 0x01abcdef,
      sequence: 9,
      ingressTime: time,
      path,
    },
    nodeRef(1, 1),
    new Uint8Array(16),
    nodeRef(2, 1),
  );
  const memory = new Uint8Array(1024);
  memory.set(sealed, 512);
  const length = addFrame(memory, 0, beginDatagram(memory, 0, 1, 0), 512, sealed.length);
  return memory.slice(0, length);
}

/** A line with its columns apart by one space. */
function asWords(line: string): string {
  return line.trim().replace(/\s+/g, ' ');
}
