import { join } from 'node:path';
import { kafkaAvailable, startKafka } from '../services/kafka';
import { natsAvailable, startNats, type NatsServer } from '../services/nats';
import type { RunningServer } from '../services/server';
import { describeWithServer } from '../services/suite';
import { AgentGrid, DETECTION_MS, HOSTED, isAnchored, namesOf, type LogNow } from '../support/agent-grid';
import { connectionOf, flowOf, longestGaps, startsOf, STEP_MS, writeConversations } from '../support/conversations';
import { OutsideWorld } from '../support/outside-world';
import { RecorderProcess } from '../support/recorder-process';
import { compareThroughGrid } from '../support/through-grid';
import { flowgrid, type Ended } from '../support/up-process';

const CONVERSATIONS = 32;
/** Flows whose route is asked of the program: each asks anew for the whole log. */
const TRACED = 4;
/** What every frame of a capture came through once and in order looks like. */
const WHOLE = { missing: [], extra: [], reordered: [] };

/** Numbers of flows that no other test uses. */
function flowsFrom(first: number, count = CONVERSATIONS): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

describeWithServer('a grid of agents', natsAvailable, () => {
  let nats: NatsServer;
  let grid: AgentGrid;
  let recorders: readonly RecorderProcess[] = [];

  beforeAll(async () => {
    nats = await startNats();
    grid = new AgentGrid({ nats: nats.servers });
    await grid.start();
  }, 120_000);
  afterEach(async () => {
    await Promise.all(recorders.map((recorder) => recorder.end()));
  });
  afterAll(async () => {
    await grid.end();
    await nats.stop();
  });

  /** A capture that is played from both networks while what leaves at either is recorded. */
  const playing = async (name: string, flows: readonly number[]) => {
    const capture = join(grid.dir, `${name}.pcapng`);
    writeConversations(capture, flows);
    recorders = [
      new RecorderProcess(join(grid.dir, `${name}-west.pcapng`), grid.west.from),
      new RecorderProcess(join(grid.dir, `${name}-east.pcapng`), grid.east.from),
    ];
    await Promise.all(recorders.map(({ listens }) => listens));
    const played = flowgrid('play', capture, '--to', grid.west.into, '--back', grid.east.into, '--json');
    const recorded = async (): Promise<readonly string[]> => {
      expect(JSON.parse((await played).stdout)).toMatchObject({ unsendable: 0, dropped: {} });
      for (const { ended } of recorders) expect(await ended).toBe(0);
      return recorders.map(({ file }) => file);
    };
    return { capture, recorded };
  };

  /** What `flowgrid trace` says of a conversation's route: the nodes now, and whether selection computes the same. */
  const traced = async (flow: number): Promise<{ readonly nodes: readonly string[]; readonly agrees: boolean }> => {
    const { code, stdout }: Ended = await flowgrid('trace', ...connectionOf(flow), '--data', grid.data, '--json');
    expect(code).toBe(0);
    const { route, computed } = JSON.parse(stdout) as {
      route: { node: string }[];
      computed: { agrees: boolean }[];
    };
    return { nodes: route.map(({ node }) => node), agrees: computed.every(({ agrees }) => agrees) };
  };

  test('FG-317: a capture comes through once and in order, and the log tells by which nodes', async () => {
    const flows = flowsFrom(0);
    const { capture, recorded } = await playing('whole', flows);
    expect(compareThroughGrid(capture, ...(await recorded()))).toMatchObject(WHOLE);
    const {
      lost,
      state,
      flows: told,
    } = await grid.until((log) => log.flows.filter(({ type }) => type === 'FlowStarted').length === 2 * CONVERSATIONS);
    expect(lost).toBe(0);
    const routes = told.flatMap((event) => (event.type === 'FlowStarted' ? [event.route.map(namesOf(state))] : []));
    expect([...new Set(routes.flat())].sort()).toEqual(Object.values(HOSTED).flat().sort());
    for (const flow of flows.slice(0, TRACED)) {
      const { nodes, agrees } = await traced(flow);
      expect(routes).toContainEqual(nodes);
      expect(agrees).toBe(true);
    }
  });

  test('FG-318: an agent is killed under traffic: the backups go on with its flows, nothing is lost, nothing comes twice', async () => {
    const flows = flowsFrom(100);
    const { capture, recorded } = await playing('killed', flows);
    const isOurs = startsOf(flows);
    await grid.until((log) => log.flows.filter(isOurs).length >= CONVERSATIONS);
    await grid.agent('h2').kill();
    const files = await recorded();
    expect(compareThroughGrid(capture, ...files)).toMatchObject(WHOLE);

    const log = await grid.until((now) => isFailed(now, 2) && now.flows.filter(isOurs).length === 2 * CONVERSATIONS);
    const name = namesOf(log.state);
    const ours = new Map(log.flows.flatMap((event) => (isOurs(event) ? [[event.flow, flowOf(event)]] : [])));
    const taken = log.flows.flatMap((event) =>
      event.type === 'FlowTakenOver' && ours.has(event.flow)
        ? [{ flow: ours.get(event.flow)!, from: name(event.from), to: name(event.to) }]
        : [],
    );
    expect([...new Set(taken.map(({ from }) => from))].sort()).toEqual(HOSTED['h2']);
    for (const { flow, to } of taken.slice(0, TRACED)) expect((await traced(flow)).nodes).toContain(to);

    const moved = new Set(taken.map(({ flow }) => flow));
    const gaps = longestGaps(files);
    const longest = (of: readonly number[]): number => Math.max(...of.map((flow) => gaps.get(flow)!));
    const ofMoved = longest([...moved]);
    const ofOthers = longest(flows.filter((flow) => !moved.has(flow)));
    process.stdout.write(
      `kill -9 of an agent (a frame each ${STEP_MS} ms, detection after ${DETECTION_MS} ms): longest gap of ${moved.size} flows ` +
        `that were taken over ${ofMoved.toFixed(0)} ms, of ${flows.length - moved.size} others ${ofOthers.toFixed(0)} ms\n`,
    );
    expect(ofMoved).toBeLessThan(ofOthers + 5 * DETECTION_MS);
  });

  test('FG-328: without MNODE and bus nodes forward, begin flows and take over; when these are back the log lacks nothing', async () => {
    grid.startAgent('h2');
    await grid.complete();
    await outage(grid, [nats]);
    await grid.endInGoodOrder();
    expect(await flowgrid('audit', 'verify', '--data', grid.data)).toMatchObject({ code: 0 });
    expect(await flowgrid('check', '--data', grid.data)).toMatchObject({ code: 0 });
  });
});

const bothAvailable = (): ReturnType<typeof kafkaAvailable> => {
  const [kafka, bus] = [kafkaAvailable(), natsAvailable()];
  return kafka.ok && bus.ok ? { ok: true, version: `${kafka.version}, ${bus.version}` } : kafka.ok ? bus : kafka;
};

describeWithServer('a grid of agents with two MNODEs and its log on Kafka', bothAvailable, () => {
  test('FG-328: with both MNODEs, Kafka and the bus killed nodes go on; when these are back the log lacks nothing', async () => {
    const [kafka, nats] = await Promise.all([startKafka(), startNats()]);
    const grid = new AgentGrid({ nats: nats.servers, kafka: kafka.brokers });
    try {
      await grid.start();
      await outage(grid, [nats, kafka]);
      await grid.endInGoodOrder();
      const copy = ['--to', 'data', '--data', grid.data, '--grid', 'agents', '--kafka', kafka.brokers];
      expect(await flowgrid('log', 'migrate', ...copy)).toMatchObject({ code: 0 });
      expect(await flowgrid('audit', 'verify', '--data', grid.data)).toMatchObject({ code: 0 });
      expect(await flowgrid('check', '--data', grid.data)).toMatchObject({ code: 0 });
    } finally {
      await grid.end();
      await Promise.all([kafka.stop(), nats.stop()]);
    }
  });
});

/** Traffic runs while every MNODE and these servers are killed, then an agent; all but the agent come back, and then it too. */
async function outage(grid: AgentGrid, servers: readonly RunningServer[]): Promise<void> {
  const world = new OutsideWorld();
  await world.open(grid.west, grid.east);
  const flows = flowsFrom(200, 20);
  let n = 0;
  const rounds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await world.round(flows, n++);
  };
  await rounds(10);
  await Promise.all([...grid.mnodes, ...servers].map((process) => process.kill()));
  flows.push(...flowsFrom(220, 10));
  await rounds(10);
  const before = [...flows];
  const killedAt = Date.now();
  await world.round(flows, n++, () => grid.agent('h3').kill());
  const takenAfter = Date.now() - killedAt;
  flows.push(...flowsFrom(230, 10));
  await rounds(10);
  await Promise.all(servers.map((server) => server.restart()));
  await grid.startMnodes();
  await rounds(10);
  expect(world.came.questions.sort()).toEqual(world.asked.sort());
  expect(world.came.answers.sort()).toEqual(world.answered.sort());
  await world.close();
  process.stdout.write(
    `kill -9 of an agent without MNODE and servers: all flows go on after ${takenAfter} ms (detection after ${DETECTION_MS} ms)\n`,
  );
  expectTakenOver(await wholeLog(grid, flows), before);
  grid.startAgent('h3');
  await grid.complete();
}

/** The log when it has the start of each flow from both ends, the deaths, and anchors for all of it. */
function wholeLog(grid: AgentGrid, flows: readonly number[]): Promise<LogNow> {
  const isOurs = startsOf(flows);
  return grid.until(
    (now) => now.flows.filter(isOurs).length === 2 * flows.length && isFailed(now, 3) && isAnchored(now),
  );
}

/** Each of these conversations that h3 carried in a stage is told as taken over from its node there. */
function expectTakenOver({ state, flows: told }: LogNow, flows: readonly number[]): void {
  const [isOurs, name] = [startsOf(flows), namesOf(state)];
  const hadDead = told.flatMap((event) =>
    isOurs(event) && event.observedAs === 'ingress'
      ? event.route.filter((ref) => HOSTED['h3']!.includes(name(ref))).map((ref) => `${event.flow} ${ref}`)
      : [],
  );
  expect(hadDead.length).toBeGreaterThan(0);
  const taken = told.flatMap((event) => (event.type === 'FlowTakenOver' ? [`${event.flow} ${event.from}`] : []));
  expect(taken).toEqual(expect.arrayContaining(hadDead));
}

/** Whether both nodes of this number are known to be dead. */
function isFailed({ state: { clusters } }: LogNow, node: number): boolean {
  return [2, 3].every((cluster) => clusters[cluster]!.nodes[node]!.status === 'failed');
}
