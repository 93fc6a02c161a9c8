import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readCaptureFile } from '../support/capture-file';
import { LabNetwork, labAvailable, type Host } from '../support/lab/network';
import { notRun } from '../support/not-run';
import { FIGURE_4 } from '../support/run-up';
import { hasTshark } from '../support/tshark';
import { BIN, said, writeCapture, type Ended } from '../support/up-process';

const WEB = join(__dirname, '../../examples/captures/web.pcap');
/** Of nobody: what it marks was sent to the interface by the test. */
const ETHERTYPE_OF_TEST = '88b5';
const STRAY_FRAMES = 3000;
/** Sends frames on an interface as any program can. */
const SENDER = `
import socket, sys
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((sys.argv[1], 0))
for _ in range(int(sys.argv[2])):
    try:
        out.send(bytes.fromhex("ffffffffffff0242000000ee${ETHERTYPE_OF_TEST}") + bytes(50))
    except OSError:
        pass
`;

/** Its `/dev/net` is empty, for the program that follows. */
const WITHOUT_TUN = 'mount -t tmpfs none /dev/net && exec "$@"';

function why(): string | undefined {
  if (!hasTshark) return 'tshark is not installed';
  if (!existsSync('/dev/net/tun')) return '/dev/net/tun is not there';
  const lab = labAvailable();
  return lab.ok ? undefined : lab.why;
}

const missing = why();
const suite = missing === undefined ? describe : notRun('probes as network interfaces', missing);

suite('probes as network interfaces', () => {
  let dir: string;
  let data: string;
  let grid: ChildProcess;
  let lab: LabNetwork;
  let host: Host;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'flowgrid-interface-'));
    data = join(dir, 'data');
    lab = LabNetwork.create(['tool']);
    host = lab.host('tool');
    // What the host would answer, or believe, on an interface of its own.
    const frames = [
      ...readCaptureFile(WEB).frames.map(({ bytes }) => bytes),
      arpRequest(host.address),
      advertisement(),
    ];
    const capture = writeCapture(join(dir, 'sent.pcap'), frames, 1);
    grid = spawn(BIN, ['up', FIGURE_4, '--capture', capture, '--loop', '--speed', '20', '--data', data], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await said(grid, 'is up');
    grid.stderr!.resume();
  }, 120_000);

  afterAll(async () => {
    if (grid.exitCode === null) {
      grid.kill('SIGTERM');
      await once(grid, 'close');
    }
    await lab.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Starts a program where the interface is to be. */
  function inside(...command: readonly string[]): ChildProcess {
    const [program, ...args] = [...host.inside, ...command];
    return spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  function ask(...command: readonly string[]): string {
    const [program, ...args] = [...host.inside, ...command];
    return execFileSync(program!, args, { encoding: 'utf8' });
  }

  /** Starts a probe; resolves when it captures, with what it says in the end. */
  async function probing(...args: readonly string[]): Promise<{ capture: ChildProcess; done: Promise<Ended> }> {
    const capture = inside(BIN, 'probe', ...args, '--data', data);
    const done = ended(capture);
    await said(capture, 'capturing at');
    return { capture, done };
  }

  test('FG-531: tshark captures on the interface what the point captured, frame for frame', async () => {
    const [written, listened] = [join(dir, 'written.pcapng'), join(dir, 'listened.pcapng')];
    const { capture, done } = await probing('VN-2', '--raw', '--interface', 'fgprobe0', '--write', written, '--json');
    const tool = inside('tshark', '-i', 'fgprobe0', '-c', '400', '-w', listened);
    expect(await ended(tool)).toMatchObject({ code: 0 });
    capture.kill('SIGINT');
    const { code, stdout, stderr } = await done;
    expect([code, stderr]).toEqual([0, expect.stringContaining('interface fgprobe0: VN-2\n')]);
    const summary = JSON.parse(stdout) as { frames: number; interfaces: object[] };
    expect(summary.interfaces).toEqual([
      { interface: 'fgprobe0', points: ['VN-2'], frames: summary.frames, dropped: 0 },
    ]);
    const [all, some] = [written, listened].map((file) => hexOf(file)) as [string[], string[]];
    expect(all).toHaveLength(summary.frames);
    expect(some).toHaveLength(400);
    const at = all.indexOf(some[0]!);
    expect(some).toEqual(all.slice(at, at + 400));
    expect(ask('ip', 'link')).not.toContain('fgprobe0');
  }, 120_000);

  test('FG-532: each point has an interface of its own where the name has a number to be', async () => {
    const { capture, done } = await probing('AB-2@VN-2', 'AB-2@VN-3', '--interface', 'fgprobe%d');
    const heard = await Promise.all(
      ['fgprobe0', 'fgprobe1'].map((name) =>
        ended(inside('tshark', '-i', name, '-c', '20', '-T', 'fields', '-e', 'ip.src')),
      ),
    );
    expect(heard.map(({ code }) => code)).toEqual([0, 0]);
    capture.kill('SIGINT');
    const { stdout, stderr } = await done;
    expect(stderr).toContain('interface fgprobe0: AB-2@VN-2\ninterface fgprobe1: AB-2@VN-3\n');
    expect(stdout).toMatch(/fgprobe0 +\d+ shown\n +fgprobe1 +\d+ shown\n$/);
  }, 120_000);

  test('FG-533: the host neither answers nor believes what an interface shows, and what is sent to it is nowhere in the grid', async () => {
    const file = join(dir, 'quiet.pcapng');
    const { capture, done } = await probing('VN-4', '--interface', 'fgprobe0', '--write', file);
    const counts = (): ReturnType<typeof countsOf> => countsOf(ask('ip', '-s', '-j', 'link', 'show', 'fgprobe0'));
    const moreShown = async (): Promise<void> => {
      const { shown } = counts();
      await until(() => counts().shown > shown + 1000);
    };
    const lured = [arpRequest(host.address), advertisement()].map((bytes) => Buffer.from(bytes).toString('hex'));
    await until(() => lured.every((frame) => hexOf(file).includes(frame)));
    // What is sent to the interface counts when it was taken from there, and that is before more is shown.
    await moreShown();
    expect(counts().sent).toBe(0);
    expect(ask('ip', '-6', 'route', 'show', 'dev', 'fgprobe0')).toBe('');
    // More than the interface itself keeps.
    ask('python3', '-c', SENDER, 'fgprobe0', String(STRAY_FRAMES));
    await moreShown();
    expect(counts().sent).toBeGreaterThan(0);
    capture.kill('SIGINT');
    expect(await done).toMatchObject({ code: 0 });
    expect(hexOf(file).filter((frame) => frame.slice(24, 28) === ETHERTYPE_OF_TEST)).toEqual([]);
  }, 120_000);

  test('FG-528: a probe ends well when its interface is deleted', async () => {
    const { done } = await probing('VN-4', '--interface', 'fgprobe0');
    ask('ip', 'link', 'delete', 'fgprobe0');
    expect(await done).toMatchObject({ code: 0 });
  }, 120_000);

  test.each([
    ['a name that is taken', [], 'eth0', 2, 'there is an interface eth0 already'],
    ['a name that is too long', [], 'fgprobe-of-the-grid', 2, 'no name of a network interface'],
    ['a name with two numbers', [], 'fg%d%d', 2, 'no name of a network interface'],
    ['nobody of rights', ['setpriv', '--bounding-set=-net_admin'], 'fgprobe0', 2, 'CAP_NET_ADMIN'],
    ['a system without', ['unshare', '--mount', 'sh', '-c', WITHOUT_TUN, 'sh'], 'fgprobe0', 1, 'modprobe tun'],
  ])(
    'FG-534: %s is refused with a remedy, before anything is attached',
    async (_, before, name, code, words) => {
      const refused = await ended(inside(...before, BIN, 'probe', 'VN-2', '--interface', name, '--data', data));
      expect(refused).toMatchObject({ code, stdout: '' });
      expect(refused.stderr).toContain(words);
      expect(refused.stderr).toContain('remedy: ');
      expect(refused.stderr).not.toContain('capturing');
    },
    120_000,
  );
});

function hexOf(file: string): string[] {
  return readCaptureFile(file).frames.map(({ bytes }) => bytes.toString('hex'));
}

async function ended(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr!.on('data', (chunk) => (stderr += String(chunk)));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

/** Frames that anybody sent by an interface, and that it showed. */
function countsOf(told: string): { sent: number; shown: number } {
  const [{ stats64 }] = JSON.parse(told) as [{ stats64: Record<'rx' | 'tx', { packets: number }> }];
  return { sent: stats64.tx.packets, shown: stats64.rx.packets };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(50);
}

/** Asks everybody who has an address. */
function arpRequest(address: string): Uint8Array {
  const of = (text: string): number[] => text.split('.').map(Number);
  const start = Buffer.from('ffffffffffff0242000000aa08060001080006040001', 'hex');
  const request = [
    ...start,
    ...Buffer.from('0242000000aa', 'hex'),
    ...of('192.0.2.7'),
    0,
    0,
    0,
    0,
    0,
    0,
    ...of(address),
  ];
  return Uint8Array.from([...request, ...new Uint8Array(18)]);
}

/** A router that offers itself to all nodes as the way to everywhere (RFC 4861, section 4.2). */
function advertisement(): Uint8Array {
  const [from, to] = ['fe8000000000000000000000000000aa', 'ff020000000000000000000000000001'];
  const body = (checksum: number): string => `8600${checksum.toString(16).padStart(4, '0')}40000708` + '00'.repeat(8);
  const summed = Buffer.from(`${from}${to}000000100000003a${body(0)}`, 'hex');
  let sum = 0;
  for (let at = 0; at < summed.length; at += 2) sum += summed.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  const ip = `6000000000103aff${from}${to}`;
  return Buffer.from(`3333000000010242000000aa86dd${ip}${body(sum ^ 0xffff)}`, 'hex');
}
