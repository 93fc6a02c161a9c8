import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Io } from '../../../../../interface/cli';
import { play } from '../../../../../runtime/programs/traffic/play';
import { record } from '../../../../../runtime/programs/traffic/record';
import { readCaptureFile } from '../../../../support/capture-file';
import { freeUdpPorts } from '../../../../support/udp';

const CAPTURE = join(__dirname, '../../../../../examples/captures/web.pcap');
const COMMON = { json: true, data: '.flowgrid' };
const GENERATED = { flowsPerSecond: 50, seconds: 1, payload: 64, seed: 3 };

/** A terminal that keeps what is said, and the report among it. */
function terminal() {
  const out: string[] = [];
  const interrupt = new AbortController();
  const io: Io = {
    out: (line) => out.push(line),
    err: () => undefined,
    paint: () => undefined,
    isTerminal: false,
    columns: () => 100,
    interrupted: interrupt.signal,
  };
  return { io, interrupt, report: () => JSON.parse(out.join('\n')) as { [count: string]: unknown } };
}

describe('traffic that is played and recorded', () => {
  const directory = mkdtempSync(join(tmpdir(), 'flowgrid-traffic-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** Plays to a recorder, both in this process, whose turns they share: a silence is one of the player. */
  const playAndRecord = async (capture: string | undefined, file: string) => {
    const [port] = await freeUdpPorts(1);
    const to = { host: '127.0.0.1', port: port! };
    const [player, recorder] = [terminal(), terminal()];
    const source = capture === undefined ? {} : { capture };
    const codes = await Promise.all([
      record({ ...COMMON, from: to, file, silence: 0.3 }, recorder.io),
      play({ ...COMMON, ...source, generated: GENERATED, to, speed: 'max' }, player.io),
    ]);
    expect(codes).toEqual([0, 0]);
    return { played: player.report(), recorded: recorder.report(), ...readCaptureFile(file) };
  };
  const hex = (frames: readonly { readonly bytes: Buffer }[]): string[] =>
    frames.map(({ bytes }) => bytes.toString('hex'));

  it('is the capture, frame by frame and in order', async () => {
    const { frames, interfaces, played, recorded } = await playAndRecord(CAPTURE, join(directory, 'web.pcapng'));
    const sent = readCaptureFile(CAPTURE).frames;
    expect(hex(frames)).toEqual(hex(sent));
    expect(interfaces).toEqual(['recorded']);
    const bytes = sent.reduce((sum, frame) => sum + frame.bytes.length, 0);
    expect(played).toMatchObject({ frames: sent.length, bytes, unsendable: 0, dropped: {} });
    expect(recorded).toMatchObject({ frames: sent.length, bytes, dropped: {} });
  });

  it('is the same in every run where it is generated', async () => {
    const first = await playAndRecord(undefined, join(directory, 'first.pcapng'));
    const second = await playAndRecord(undefined, join(directory, 'second.pcapng'));
    expect(first.frames.length).toBeGreaterThan(200);
    expect(hex(second.frames)).toEqual(hex(first.frames));
  });

  it('ends when interrupted: the player with 130, the recorder with what it has', async () => {
    const [port] = await freeUdpPorts(1);
    const to = { host: '127.0.0.1', port: port! };
    const [player, recorder] = [terminal(), terminal()];
    const playing = play({ ...COMMON, generated: GENERATED, to, speed: 1, rate: 1e-6 }, player.io);
    const recording = record({ ...COMMON, from: { host: '127.0.0.1', port: 0 } }, recorder.io);
    player.interrupt.abort();
    recorder.interrupt.abort();
    expect(await Promise.all([playing, recording])).toEqual([130, 0]);
    expect(recorder.report()).toMatchObject({ frames: 0, longestGapMs: 0 });
  });

  it('FG-308: refuses a port that cannot be listened on, and a capture that is not there', async () => {
    const from = { host: '192.0.2.1', port: 7004 };
    await expect(record({ ...COMMON, from }, terminal().io)).rejects.toThrow(
      'UDP 192.0.2.1:7004: cannot be listened on',
    );
    const missing = join(directory, 'missing.pcap');
    const to = { host: '127.0.0.1', port: 7004 };
    await expect(
      play({ ...COMMON, capture: missing, generated: GENERATED, to, speed: 'max' }, terminal().io),
    ).rejects.toThrow('missing.pcap');
  });
});
