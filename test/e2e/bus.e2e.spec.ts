import { join } from 'node:path';
import { Unpackr } from 'msgpackr';
import { connect, type NatsConnection } from 'nats';
import { natsAvailable, startNats, type NatsServer } from '../services/nats';
import { describeWithServer } from '../services/suite';
import { AgentGrid, HOSTED } from '../support/agent-grid';
import { readBusTable } from '../support/bus-table';
import { flowgrid } from '../support/up-process';

const CAPTURE = join(__dirname, '../../examples/captures/ftp.pcap');
const GRID = 'agents';
const NODES = Object.values(HOSTED).flat();
const unpackr = new Unpackr({ int64AsType: 'number' });

interface Heard {
  readonly subject: string;
  readonly bytes: Uint8Array;
}

/** `nats sub 'flowgrid.<grid>.>'`: a client of NATS and nothing of this project. */
class Listener {
  readonly heard: Heard[] = [];
  private waiting: (() => void)[] = [];

  constructor(readonly connection: NatsConnection) {
    connection.subscribe(`flowgrid.${GRID}.>`, {
      callback: (_, { subject, data }) => {
        this.heard.push({ subject, bytes: data });
        for (const wake of this.waiting.splice(0)) wake();
      },
    });
  }

  /** Resolves when what was heard fits. */
  async until(fits: (heard: readonly Heard[]) => boolean): Promise<void> {
    while (!fits(this.heard)) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** What was told on one subject, in JSON, by order of coming. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  told(subject: string): any[] {
    return this.heard.flatMap((each) => (each.subject === subject ? [jsonOf(each.bytes)] : []));
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
}

describeWithServer('the control bus on a NATS server', natsAvailable, () => {
  let nats: NatsServer;
  let grid: AgentGrid;
  let listener: Listener;

  beforeAll(async () => {
    nats = await startNats();
    listener = new Listener(await connect({ servers: nats.servers }));
    await listener.connection.flush();
    grid = new AgentGrid({ nats: nats.servers });
    await grid.start();
    const access = ['--grid', GRID, '--nats', nats.servers];
    expect(await flowgrid('play', CAPTURE, '--to', grid.west.into, '--back', grid.east.into)).toMatchObject({
      code: 0,
    });
    expect(await flowgrid('workflow', 'list', ...access)).toMatchObject({ code: 0 });
    expect(await flowgrid('status', ...access)).toMatchObject({ code: 0 });
    const drain = JSON.stringify({ cluster: 2, node: 3, weight: 3 });
    expect(await flowgrid('submit', 'ConfigureNode', drain, ...access)).toMatchObject({ code: 0 });
    const key = join(grid.dir, 'grid.key');
    expect(await flowgrid('probe', 'AB', '--seconds', '1', '--key', key, ...access)).toMatchObject({ code: 0 });
    await grid.agent('h2').kill();
  }, 240_000);
  afterAll(async () => {
    await listener.connection.close();
    await grid.end();
    await nats.stop();
  });

  test('FG-446: how nodes stand is told at each change: a killed agent’s fail, and live again as new lives', async () => {
    const subject = `flowgrid.${GRID}.node.AB-2.status`;
    await listener.until(() => listener.told(subject).some(({ status }) => status === 'failed'));
    const { state } = await grid.log();
    const failed = listener.told(subject).find(({ status }) => status === 'failed');
    expect(failed).toMatchObject({ grid: GRID, by: 'MA-1', epoch: state.epoch, cluster: 2, node: 2, name: 'AB-2' });
    expect(failed).toMatchObject({ incarnation: 1, agent: 'h2' });
    expect(failed.since).toBeGreaterThan(0);
    expect(failed.since).toBeLessThanOrEqual(failed.at);
    grid.startAgent('h2');
    await listener.until(() =>
      listener.told(subject).some(({ status, incarnation }) => status === 'active' && incarnation > 1),
    );
    const statuses = listener.told(subject).map(({ status, incarnation }) => `${status} ${incarnation}`);
    expect(statuses.filter((each, i) => each !== statuses[i - 1])).toEqual(
      expect.arrayContaining(['active 1', 'failed 1', 'active 2']),
    );
  });

  test('FG-446: whoever begins to listen knows of every node within seconds, and since when it stands so', async () => {
    const before = listener.heard.length;
    const subjects = NODES.map((name) => `flowgrid.${GRID}.node.${name}.status`);
    const later = (): readonly Heard[] => listener.heard.slice(before);
    await listener.until(() => subjects.every((each) => later().some(({ subject }) => subject === each)));
    for (const subject of subjects) {
      const told = listener.told(subject);
      const { status, since, incarnation } = told.at(-1);
      expect({ subject, status }).toEqual({ subject, status: 'active' });
      expect(since).toBe(told.findLast((each) => each.incarnation === incarnation && each.status === status).since);
    }
  });

  test('FG-446: an MNODE that begins to lead tells at once, and since when as the log says it', async () => {
    const subject = `flowgrid.${GRID}.node.AB-1.status`;
    const before = listener.told(subject).at(-1);
    await Promise.all(grid.mnodes.map((mnode) => mnode.kill()));
    await grid.startMnodes();
    await listener.until(() => listener.told(subject).at(-1).epoch > before.epoch);
    expect(listener.told(subject).find(({ epoch }) => epoch > before.epoch)).toMatchObject({
      status: 'active',
      since: before.since,
      incarnation: before.incarnation,
    });
  });

  test('FG-445: every subject that bus.md lists is published, decodes as it says, and there is no other', async () => {
    const table = readBusTable(GRID);
    expect(table.length).toBeGreaterThanOrEqual(17);
    // Flows end with the agent of the last INODE of their network, however they were played.
    grid.agent('west').signal('SIGTERM');
    const isWhole = (): boolean => table.every((row) => listener.heard.some(({ subject }) => row.matches(subject)));
    const unseen = (): string[] =>
      table.filter((row) => !listener.heard.some(({ subject }) => row.matches(subject))).map(({ subject }) => subject);
    const patience = setInterval(() => process.stdout.write(`not heard yet: ${unseen().join(', ')}\n`), 20_000);
    await listener.until(isWhole).finally(() => clearInterval(patience));

    for (const { subject, bytes } of listener.heard) {
      const row = table.find((each) => each.matches(subject));
      if (row === undefined) throw new Error(`bus.md does not know ${subject}`);
      const decoded: unknown =
        row.encoding === 'JSON' ? jsonOf(bytes) : row.encoding === 'empty' ? bytes.length : unpackr.unpack(bytes);
      if (row.encoding === 'empty') expect(decoded).toBe(0);
      else expect(decoded).toEqual(expect.objectContaining({}));
    }
  });
});
