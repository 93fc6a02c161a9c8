import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEndpoint } from '../../domain/base/endpoint';
import type { Report } from '../../projections';
import { kafkaAvailable, startKafka } from '../services/kafka';
import { natsAvailable, startNats, type NatsServer } from '../services/nats';
import { describeWithServer } from '../services/suite';
import { AgentGrid, HOSTED } from '../support/agent-grid';
import { readCaptureFile } from '../support/capture-file';
import { writeConversations } from '../support/conversations';
import { RecorderProcess } from '../support/recorder-process';
import { StreamReader } from '../support/stream-reader';
import { flowgrid } from '../support/up-process';

const FIGURE_4 = join(__dirname, '../../examples/figure-4.yaml');
const CAPTURE = join(__dirname, '../../examples/captures/mixed.pcap');
const FLOWS = Array.from({ length: 16 }, (_, i) => i);
const NODES = Object.values(HOSTED).flat();
/** Octets that a descriptor adds on a path of four clusters. */
const DESCRIPTOR = 50;
/** In a frame of these conversations: the client asks from this port. */
const FROM_PORT = 34;
const CLIENT_PORT = 4000;
/** Hellos of agents that a node does not know yet are refused while the grid comes up. */
const EARLY = 'unknown-sender';

function trafficDrops({ counts }: { counts: { dropped: object } }): string[] {
  return Object.keys(counts.dropped).filter((reason) => reason !== EARLY);
}

/** Frames and their octets. */
interface Sum {
  readonly frames: number;
  readonly bytes: number;
}

function sumOf(frames: readonly Buffer[]): Sum {
  return { frames: frames.length, bytes: frames.reduce((sum, { length }) => sum + length, 0) };
}

/** Plays conversations through a grid; resolves when everything has left, with what was played, by direction. */
async function playThrough(grid: AgentGrid): Promise<{ readonly asked: Sum; readonly answered: Sum }> {
  const capture = join(grid.dir, 'statistics.pcapng');
  writeConversations(capture, FLOWS);
  const recorders = [grid.west, grid.east].map(
    ({ from }, i) => new RecorderProcess(join(grid.dir, `statistics-${i}.pcapng`), from),
  );
  await Promise.all(recorders.map(({ listens }) => listens));
  const { code } = await flowgrid('play', capture, '--to', grid.west.into, '--back', grid.east.into, '--json');
  expect(code).toBe(0);
  for (const { ended } of recorders) expect(await ended).toBe(0);
  const frames = readCaptureFile(capture).frames.map(({ bytes }) => bytes);
  const isQuestion = (frame: Buffer): boolean => frame.readUInt16BE(FROM_PORT) === CLIENT_PORT;
  return {
    asked: sumOf(frames.filter(isQuestion)),
    answered: sumOf(frames.filter((frame) => !isQuestion(frame))),
  };
}

const bothAvailable = (): ReturnType<typeof kafkaAvailable> => {
  const [kafka, bus] = [kafkaAvailable(), natsAvailable()];
  return kafka.ok && bus.ok ? { ok: true, version: `${kafka.version}, ${bus.version}` } : kafka.ok ? bus : kafka;
};

describeWithServer('statistics of a grid with two MNODEs', bothAvailable, () => {
  test('FG-336: the standby tells nothing; the leader is killed, and the standby goes on where it stopped', async () => {
    const [kafka, nats] = await Promise.all([startKafka(), startNats()]);
    const grid = new AgentGrid({ nats: nats.servers, kafka: kafka.brokers });
    const reader = await StreamReader.subscribe(nats.servers, 'agents');
    try {
      await grid.start();
      await Promise.all(grid.mnodes.map((mnode) => mnode.until(({ role }) => role !== undefined)));
      const { asked, answered } = await playThrough(grid);
      const frames = asked.frames + answered.frames;
      const before = await reader.next('grid', ({ counts }) => counts.left === frames);
      const tellers = new Set(reader.messages.flatMap(({ subject, told }) => (subject === 'grid' ? [told.by] : [])));
      expect([...tellers]).toEqual([before.by]);
      const killedAt = Date.now();
      await grid.mnodes.find(({ name }) => name === before.by)!.kill();
      const after = await reader.next('grid', ({ by }) => by !== before.by);
      process.stdout.write(`streams after kill -9 of the leader: told again after ${Date.now() - killedAt} ms\n`);
      expect(after.epoch).toBeGreaterThan(before.epoch);
      expect(after).toMatchObject({ heard: NODES.length, silent: 0, perSecond: { nodes: NODES.length } });
      expect(after.counts).toEqual(before.counts);
      expect(after.since).toBeLessThan(before.at);
    } finally {
      await reader.close();
      await grid.end();
      await Promise.all([kafka.stop(), nats.stop()]);
    }
  });
});

describeWithServer('statistics on the bus', natsAvailable, () => {
  let nats: NatsServer;
  let grid: AgentGrid;
  let reader: StreamReader;
  /** Frames and octets of the capture that was played, by direction. */
  let asked: Sum = { frames: 0, bytes: 0 };
  let answered: Sum = { frames: 0, bytes: 0 };

  const played = (): Sum => ({
    frames: asked.frames + answered.frames,
    bytes: asked.bytes + answered.bytes,
  });

  beforeAll(async () => {
    nats = await startNats();
    grid = new AgentGrid({ nats: nats.servers });
    await grid.start();
    reader = await StreamReader.subscribe(nats.servers, 'agents');
  }, 120_000);
  afterAll(async () => {
    await reader.close();
    await grid.end();
    await nats.stop();
  });

  test('FG-338: a client of NATS reads, while a capture is played, what the grid does, and at the end sums that agree with the capture', async () => {
    const quiet = await reader.next('grid', ({ perSecond }) => perSecond.nodes === NODES.length);
    expect(quiet).toMatchObject({ by: 'MA-1', nodes: { active: NODES.length }, heard: NODES.length, silent: 0 });
    expect(quiet.counts).toMatchObject({ entered: 0, left: 0, flowsStarted: 0 });
    const busy = reader.next(
      'grid',
      ({ flows, perSecond }) => flows > 0 && perSecond.entered > 0 && perSecond.left > 0,
    );
    const done = playThrough(grid);
    const during = await busy;
    expect(during.latencyUs.p50).toBeGreaterThan(0);
    expect(during.perSecond).toMatchObject({ nodes: NODES.length });
    expect(during.perSecond.flowBits).toBeGreaterThan(0);
    ({ asked, answered } = await done);

    const { frames, bytes } = played();
    const after = await reader.next('grid', ({ counts }) => counts.left === frames);
    expect(after.counts).toMatchObject({ entered: frames, left: frames, flowsStarted: FLOWS.length });
    expect(trafficDrops(after)).toEqual([]);
    const type = await reader.next('type.1', ({ packets }) => packets === frames);
    expect(type).toMatchObject({ name: 'any', started: FLOWS.length, packets: frames, bytes });

    // To a stage that backs up its flows each frame goes twice, once to the backup.
    const octets = (sum: Sum): number => sum.bytes + DESCRIPTOR * sum.frames;
    const once = (sum: Sum) => ({ frames: sum.frames, bytes: octets(sum) });
    const twice = (sum: Sum) => ({ frames: 2 * sum.frames, bytes: 2 * octets(sum) });
    const link = await reader.next('link.VN-1', (told) => told.frames >= 2 * asked.frames + answered.frames);
    expect(link.directions).toEqual([
      { from: 'IA', to: 'AB', ...twice(asked), perSecond: expect.anything() },
      { from: 'AB', to: 'IA', ...once(answered), perSecond: expect.anything() },
    ]);
    const middle = await reader.next('link.VN-2');
    expect(middle).toMatchObject({ frames: 2 * frames, bytes: 2 * octets(played()) });
    const stage = await reader.next('cluster.AB');
    expect(stage.perSecond.nodes).toBe(3);
    expect(stage.counts.frames - (stage.counts.dropped[EARLY] ?? 0)).toBe(2 * frames);
    const subjects = new Set(reader.messages.map(({ subject }) => subject));
    expect([...subjects].sort()).toEqual(
      [
        'grid',
        'type.1',
        ...['IA', 'AB', 'AC', 'IC'].map((name) => `cluster.${name}`),
        ...['VN-1', 'VN-2', 'VN-3'].map((name) => `link.${name}`),
        ...NODES.map((name) => `node.${name}`),
        ...Object.keys(HOSTED).map((name) => `agent.${name}`),
      ].sort(),
    );
  });

  test('FG-447: each agent tells what its ports counted: at networks what its INODE took and gave, and between agents what others sent', async () => {
    const west = await reader.next('agent.west');
    expect(west).toMatchObject({ name: 'west', nodes: HOSTED['west'], unattached: 0 });
    expect(Object.keys(west.networks)).toEqual(['EN-1']);
    const door = await reader.next('node.IA-1');
    expect(door.externalIn).toBeGreaterThan(0);
    expect(west.networks['EN-1']).toMatchObject({
      framesIn: door.externalIn,
      framesOut: door.externalOut,
      bytesIn: asked.bytes,
      dropped: {},
    });
    expect(west.networks['EN-1'].datagramsOut).toBeGreaterThan(0);
    // Hellos go on: what all have received by now was sent by others, before or since.
    const all = await Promise.all(Object.keys(HOSTED).map((name) => reader.next(`agent.${name}`)));
    const later = await Promise.all(Object.keys(HOSTED).map((name) => reader.next(`agent.${name}`)));
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    const sum = (of: any[], what: string): number => of.reduce((total, { underlay }) => total + underlay[what], 0);
    for (const [came, went] of [
      ['framesIn', 'framesOut'],
      ['bytesIn', 'bytesOut'],
      ['datagramsIn', 'datagramsOut'],
    ] as const) {
      expect(sum(all, came)).toBeGreaterThan(0);
      expect(sum(all, came)).toBeLessThanOrEqual(sum(later, went));
    }
    for (const { requests } of all) expect(requests.asked).toBeGreaterThan(0);
  });

  test('FG-447: what is no datagram of an agent is counted with its reason, and flowgrid stats agent shows it', async () => {
    const { agents } = (await grid.log()).state;
    const { host, port } = parseEndpoint(agents['h3']!.address)!;
    const socket = createSocket('udp4');
    await new Promise((sent) => socket.send('nonsense', port, host, sent));
    socket.close();
    const told = await reader.next('agent.h3', ({ underlay }) => (underlay.dropped.malformed ?? 0) > 0);
    expect(told.underlay.dropped.malformed).toBe(1);
    const access = ['--grid', 'agents', '--nats', nats.servers];
    const text = await flowgrid('stats', 'agent', 'h3', ...access);
    expect(text.stdout).toMatch(/underlay +in +[\d,]+ frames, [\d,]+ bytes in [\d,]+ datagrams/);
    expect(text.stdout).toContain('malformed 1');
    const json = await flowgrid('stats', 'agent', 'h3', '--json', ...access);
    expect(JSON.parse(json.stdout)).toMatchObject({ name: 'h3', underlay: { dropped: { malformed: 1 } } });
  });

  test('FG-339: flowgrid stats shows the same, as text and as JSON, and says when nothing is told', async () => {
    const access = ['--grid', 'agents', '--nats', nats.servers];
    const json = await flowgrid('stats', 'link', 'VN-1', '--json', ...access);
    const { at: _, epoch: __, ...told } = await reader.next('link.VN-1');
    expect(JSON.parse(json.stdout)).toMatchObject(told);
    const text = await flowgrid('stats', ...access);
    expect(text.stdout).toContain('Grid agents at ');
    expect(text.stdout).toContain(`${played().frames.toLocaleString('en-US')} in, `);
    for (const what of [
      ['cluster', 'AB'],
      ['node', 'AB-1'],
      ['type', '1'],
    ]) {
      expect(await flowgrid('stats', ...what, ...access)).toMatchObject({ code: 0, stderr: '' });
    }
    const nobody = await flowgrid('stats', 'link', 'VN-9', ...access);
    expect(nobody).toMatchObject({ code: 5, stderr: expect.stringContaining('link VN-9 of grid agents') });
  });

  test('FG-334, FG-335: an agent is killed and comes back: its nodes are missed, then heard as new lives, and no sum shrinks', async () => {
    const before = await reader.next('cluster.AB');
    await grid.agent('h2').kill();
    const missed = await reader.next('grid', ({ nodes }) => nodes.failed === 2);
    expect(missed).toMatchObject({ nodes: { active: NODES.length - 2 } });
    const without = await reader.next('cluster.AB', ({ perSecond }) => perSecond.nodes === 2);
    expect(without.counts.frames).toBe(before.counts.frames);
    grid.startAgent('h2');
    const back = await reader.next(
      'cluster.AB',
      ({ perSecond, nodes }) => perSecond.nodes === 3 && nodes[1].incarnation > 1,
    );
    expect(back.counts.frames).toBe(before.counts.frames);
    expect(back.nodes[1]).toMatchObject({ node: 'AB-2', status: 'active', silent: false });
    for (const { subject, told } of reader.messages) {
      if (subject === 'cluster.AB')
        for (const rate of Object.values(told.perSecond)) expect(rate).toBeGreaterThanOrEqual(0);
    }
  });

  test('FG-336: the MNODE is killed; the next one tells the same sums of the lives that go on', async () => {
    const { frames } = played();
    const before = await reader.next('grid');
    await Promise.all(grid.mnodes.map((mnode) => mnode.kill()));
    await grid.startMnodes();
    const after = await reader.next('grid', ({ epoch, heard }) => epoch > before.epoch && heard === NODES.length);
    expect(after.counts).toMatchObject({ entered: frames, left: frames, flowsStarted: FLOWS.length });
    expect(after.since).toBeGreaterThan(before.at);
  });

  test('FG-360: flowgrid up tells the same streams on a bus that it is given, and its last ones are the sums of its report', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'flowgrid-up-stats-'));
    const of = await StreamReader.subscribe(nats.servers, 'figure-4');
    try {
      const report = join(dir, 'report.json');
      const common = ['up', FIGURE_4, '--capture', CAPTURE, '--once', '--speed', 'max', '--data', join(dir, 'data')];
      const { code } = await flowgrid(...common, '--kill', 'AB-1@0.5', '--report', report, '--nats', nats.servers);
      expect(code).toBe(0);
      const { frames, flows } = JSON.parse(readFileSync(report, 'utf8')) as Report;
      const all = of.messages.filter(({ subject }) => subject === 'grid').map(({ told }) => told);
      expect(all.length).toBeGreaterThan(10);
      expect(all.at(-1).counts).toMatchObject({ entered: frames.in, left: frames.out, flowsStarted: flows.started });
      expect(all.at(-1).counts.flowsEnded).toBe(flows.started);
      expect(all.some(({ nodes }) => nodes.failed === 1)).toBe(true);
      for (const { perSecond } of all)
        expect(Math.min(...(Object.values(perSecond) as number[]))).toBeGreaterThanOrEqual(0);
      const types = new Map(
        of.messages.filter(({ subject }) => subject.startsWith('type.')).map((each) => [each.subject, each.told]),
      );
      const carried = [...types.values()].reduce((sum, { packets }) => sum + packets, 0);
      expect(carried).toBe(readCaptureFile(CAPTURE).frames.length);
      expect(of.messages.filter(({ subject }) => subject.startsWith('flow.')).length).toBeGreaterThan(0);
    } finally {
      await of.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
