import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PcapWriter } from '../../dataplane/packet-ports/capture/pcap-writer';
import { classify, type ClassifyProgramOptions } from '../../runtime/programs/classify';
import { ACK, SYN, answer, later, tcp, udp } from '../unit/dataplane/classify/frames';

const web = { from: '10.0.0.1', to: '10.0.0.2', fromPort: 40000, toPort: 80 };
const dns = { from: '10.0.0.1', to: '10.0.0.53', fromPort: 5353, toPort: 53 };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'flowgrid-classify-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function capture(name: string, frames: readonly Uint8Array[], from = 1_700_000_000): string {
  const path = join(directory, name);
  const writer = new PcapWriter(path, { linkType: 1 });
  frames.forEach((frame, i) => writer.write((from + i) * 1e6, 0, frame, 0, frame.length));
  writer.close();
  return path;
}

async function run(
  options: Partial<ClassifyProgramOptions>,
  interrupted?: AbortSignal,
): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const code = await classify({ captures: [], json: true, ...options }, (line) => lines.push(line), interrupted);
  return { code, lines };
}

const syn = tcp({ ...web, flags: SYN, seq: 1 });
const reply = tcp({ ...answer(web), flags: SYN | ACK, seq: 9, ack: 2 });

describe('flowgrid classify', () => {
  it('prints a JSON line per connection with the fields of the contract, then the summary', async () => {
    const { code, lines } = await run({ captures: [capture('a.pcap', [syn, reply, udp(dns)])] });
    expect(code).toBe(0);
    expect(lines).toHaveLength(3);
    const row = JSON.parse(lines[0]) as Record<string, unknown>;
    expect(Object.keys(row).join(' ')).toBe(
      'flow type proto a aPort b bPort vlan packetsAB packetsBA laterFragmentsAB laterFragmentsBA bytesAB bytesBA ' +
        'firstTs lastTs start end group',
    );
    expect(row).toMatchObject({
      a: '10.0.0.1',
      aPort: 40000,
      packetsAB: 1,
      packetsBA: 1,
      start: 'syn',
      end: 'eof',
      vlan: null,
    });
    expect(JSON.parse(lines[2])).toMatchObject({ summary: true, frames: 3, ip: 3, nonIp: 0, tcp: 1, udp: 1 });
  });

  it('prints text for people, and says what is in no connection', async () => {
    const frames = [syn, reply, later(dns, { id: 7, offset: 9, more: false }), new Uint8Array(10)];
    const { lines } = await run({ captures: [capture('a.pcap', frames)], json: false });
    expect(lines[0]).toMatch(
      /^tcp +10\.0\.0\.1:40000 > 10\.0\.0\.2:80 +1\/1 packets 54\/54 bytes 1\.000 s syn\.\.eof flow 01/,
    );
    expect(lines.slice(1)).toEqual([
      '4 frames: 3 IP (1 fragments), 1 not IP, 0 malformed',
      '1 TCP, 0 UDP, 0 ICMP and 0 other 5-tuples',
      'in no connection: 1 later fragments without a first one',
    ]);
  });

  it('reads several captures as one', async () => {
    const captures = [capture('1.pcap', [syn]), capture('2.pcap', [reply], 1_700_000_050)];
    const { lines } = await run({ captures });
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0])).toMatchObject({ packetsAB: 1, packetsBA: 1 });
  });

  it('takes the idle time for every protocol', async () => {
    const captures = [capture('a.pcap', [udp(dns)]), capture('b.pcap', [udp(dns)], 1_700_000_007)];
    expect((await run({ captures, idle: 6 })).lines).toHaveLength(3);
    expect((await run({ captures, idle: 7 })).lines).toHaveLength(2);
  });

  it('a capture that is cut counts up to there, and the summary says where it stops', async () => {
    const path = capture('a.pcap', [syn, reply]);
    writeFileSync(path, readFileSync(path).subarray(0, -5));
    const { code, lines } = await run({ captures: [path] });
    expect(code).toBe(0);
    expect(JSON.parse(lines[1])).toMatchObject({
      frames: 1,
      readErrors: [{ capture: path, offset: 24 + 16 + syn.length }],
    });
    expect((await run({ captures: [path], json: false })).lines.at(-1)).toContain(
      `${path} cannot be read from byte 94 on`,
    );
  });

  it.each([
    ['a missing file', ['nothing.pcap'], 'not-found', /nothing\.pcap: no such file/],
    ['a file of another kind', ['text'], 'usage', /text: begins with 0x23205245/],
    ['a directory', ['.'], 'usage', /is a directory/],
    ['a wrong name among good ones', ['good.pcap', 'nothing.pcap'], 'not-found', /nothing/],
  ])('%s is named, before any output', async (_name, names, code, message) => {
    writeFileSync(join(directory, 'text'), '# README');
    capture('good.pcap', [syn]);
    const out: string[] = [];
    const done = classify({ captures: names.map((name) => join(directory, name)), json: true }, (line) =>
      out.push(line),
    );
    await expect(done).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      remedy: expect.any(String),
    });
    expect(out).toEqual([]);
  });

  it.each([0, -1, NaN, Infinity])('an idle time of %s is refused', async (idle) => {
    await expect(run({ captures: [capture('a.pcap', [])], idle })).rejects.toMatchObject({ code: 'usage' });
  });

  it('no capture at all is refused', () => expect(run({})).rejects.toMatchObject({ code: 'usage' }));

  it('an interrupt ends it without output', async () => {
    const frames = Array.from({ length: 70_000 }, () => syn);
    const { code, lines } = await run({ captures: [capture('a.pcap', frames)] }, AbortSignal.abort());
    expect([code, lines]).toEqual([130, []]);
  });
});
