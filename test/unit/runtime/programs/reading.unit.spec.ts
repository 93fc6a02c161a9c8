import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFlowBatch } from '../../../../adapters/codec/flow-batch';
import { sha256 } from '../../../../adapters/codec/hash';
import { encodeCommit } from '../../../../adapters/codec/records';
import { encodeSnapshot } from '../../../../adapters/codec/snapshot';
import { openLmdbLog, type LmdbLog } from '../../../../adapters/log/lmdb';
import { canonicalState, FOLD_VERSION, initialState } from '../../../../domain/grid-state';
import type { Commit } from '../../../../domain/log/commit';
import { createCli, type Io, type Programs } from '../../../../interface/cli';
import { INVARIANTS } from '../../../../projections/verdicts';
import { stateAt } from '../../../../projections';
import { audit } from '../../../../runtime/programs/audit';
import { check, VERDICTS_REQUEST } from '../../../../runtime/programs/check';
import { log } from '../../../../runtime/programs/log';
import { trace } from '../../../../runtime/programs/trace';
import { chains, commits, micros, START } from '../../projections/told';
import type { TopologyEvent } from '../../../../domain/events';

const HEX_ZERO = '0'.repeat(64);

/** A log on disk that tells the story of test/unit/projections/told.ts; open for writing until the test ends. */
class Fixture {
  readonly dir = mkdtempSync(join(tmpdir(), 'flowgrid-reading-'));
  readonly interrupt = new AbortController();
  out: string[] = [];
  err: string[] = [];
  private writer: LmdbLog | undefined;
  private head = HEX_ZERO;

  async open(onRequest?: (request: Uint8Array) => Uint8Array): Promise<void> {
    const options = onRequest === undefined ? {} : { onRequest };
    this.writer = await openLmdbLog({ dir: this.dir, mode: 'writer', ...options });
  }

  async tell(told: readonly Commit[] = commits()): Promise<void> {
    for (const commit of told) {
      const bytes = encodeCommit({ ...commit, prev: this.head });
      this.head = sha256(bytes);
      expect((await this.log.append([bytes])).accepted).toEqual([commit.seq]);
    }
  }

  async tellFlows(): Promise<void> {
    for (const [chain, events] of chains()) {
      const batch = encodeFlowBatch({ chain, number: 1, prev: HEX_ZERO, lost: 0, events });
      expect(await this.log.appendFlows(batch)).toBe('appended');
    }
  }

  get log(): LmdbLog {
    return this.writer!;
  }

  async run(line: string): Promise<number> {
    this.out = [];
    this.err = [];
    const io: Io = {
      out: (text) => this.out.push(text),
      err: (text) => this.err.push(text),
      paint: (text) => this.err.push(text),
      isTerminal: false,
      columns: () => 100,
      interrupted: this.interrupt.signal,
    };
    const absent = async (): Promise<number> => 1;
    const local = {
      up: absent,
      classify: absent,
      validate: absent,
      migrate: absent,
      link: absent,
      arrangeLinks: absent,
      probe: absent,
    };
    const running = {
      ...local,
      mnode: absent,
      agent: absent,
      status: absent,
      stats: absent,
      submit: absent,
      replicate: absent,
      package: absent,
      start: absent,
      scale: absent,
      workflow: absent,
    };
    const traffic = { play: absent, record: absent };
    const programs: Programs = { ...running, ...traffic, audit, check, log, trace };
    return createCli(programs, io).run([...line.split(' '), '--data', this.dir]);
  }

  json(): unknown[] {
    return this.out.map((line) => JSON.parse(line) as unknown);
  }

  async close(): Promise<void> {
    await this.writer?.close();
    this.writer = undefined;
  }

  async end(): Promise<void> {
    await this.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A pcap file with one bare SYN. */
function captureOf(from: readonly number[], fromPort: number, to: readonly number[], toPort: number): Uint8Array {
  const frame = Buffer.alloc(54);
  frame.writeUInt16BE(0x0800, 12);
  frame.set([0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, ...from, ...to], 14);
  frame.writeUInt16BE(fromPort, 34);
  frame.writeUInt16BE(toPort, 36);
  frame.set([0x50, 0x02], 46);
  const head = Buffer.alloc(40);
  [0xa1b2c3d4, 0x00040002, 0, 0, 65_535, 1, 1_714_564_800, 0, frame.length, frame.length].forEach((word, i) =>
    head.writeUInt32LE(word, 4 * i),
  );
  return Buffer.concat([head, frame]);
}

/** AB-1, which only backs AB-3 up by then, fails as commit 8. */
function failureOfAb1(): Commit<TopologyEvent> {
  const at = START + 3_500;
  const loss = { cluster: 2, node: 1, incarnation: 1, lastSeen: at - 60, detectedAt: at, fnodeFreeAt: 0 };
  const last = commits().at(-1)!;
  return { ...last, seq: 8, at, cause: 0, commandId: 'failure', events: [{ type: 'NodeFailed', v: 1, data: loss }] };
}

describe('the reading commands, on the log of a grid that runs', () => {
  const grid = new Fixture();
  beforeAll(async () => {
    await grid.open((request) => {
      expect(JSON.parse(Buffer.from(request).toString())).toEqual(VERDICTS_REQUEST);
      const verdicts = Object.fromEntries(
        INVARIANTS.map((name) => [name, name === 'isolation' ? 'broken: frame 9' : 'held']),
      );
      return Buffer.from(JSON.stringify(verdicts));
    });
    await grid.tell();
    await grid.tellFlows();
  });
  afterAll(() => grid.end());

  it('audit shows the state, as it is and as it was', async () => {
    expect(await grid.run('audit --json')).toBe(0);
    expect(grid.json()).toMatchObject([{ grid: 'paper', seq: 7, topology: { version: 2, wireId: 2 } }]);
    expect(await grid.run('audit state --at 4')).toBe(0);
    expect(grid.out.join('\n')).toContain('Topology 1 under ID 1');
    expect(grid.out.join('\n')).toMatch(/AB-2 +active/);
  });

  it('audit tells the story of a flow', async () => {
    expect(await grid.run('audit flow 0x01abcdef')).toBe(0);
    expect(grid.out).toEqual([
      'Flow 0x01abcdef: tcp 10.0.0.1:40312 10.0.0.2:80',
      '  2024-05-01 12:00:00.100  flow 0x01abcdef (web) started at EN-1 on default',
      expect.stringContaining('because topology 1 is installed everywhere'),
      expect.stringContaining('because topology 1 was published under ID 1'),
      expect.stringContaining('because IA-1 was admitted as a member'),
      '  2024-05-01 12:00:02.032  flow 0x01abcdef was taken over from AB-2 by AB-3',
      expect.stringContaining('because AB-2 failed (incarnation 1) (commit 6'),
      expect.stringContaining('because AB-2 fell silent and is suspected (commit 5'),
      '  2024-05-01 12:00:05.000  flow 0x01abcdef ended (fin)',
      '  route: IA-1 > AB-3 > AC-1 > IC-1',
    ]);
    expect(await grid.run('audit flow 0x01abcdef --at +1s --json')).toBe(0);
    expect(grid.json()).toMatchObject([{ lives: [{ route: [{}, { node: 'AB-2', backup: 'AB-3' }, {}, {}] }] }]);
  });

  it('audit knows no grid before its log begins', async () => {
    expect(await grid.run('audit --at 1999-01-01')).toBe(5);
    expect(grid.err[0]).toContain('there was no grid at 1999-01-01T00:00:00.000Z: the log begins at 2024-05-01 12:00');
  });

  it('audit does not know every flow', async () => {
    expect(await grid.run('audit flow 0x01000009')).toBe(5);
    expect(grid.err.join()).toContain('no flow 0x01000009 in the log');
  });

  it('audit history lists a span', async () => {
    expect(await grid.run('audit history --since +2s --until +2045ms --json')).toBe(0);
    expect(grid.json()).toMatchObject([{ seq: 5 }, { seq: 6, cause: 5, by: 'actor:node/2/2' }]);
  });

  it('audit verify finds an intact log intact', async () => {
    expect(await grid.run('audit verify --json')).toBe(0);
    expect(grid.out).toEqual([]);
    expect(grid.err.join()).toContain('7 commits, 2 batches in 2 flow chains: intact');
  });

  it('log shows the newest commits, or all', async () => {
    expect(await grid.run('log --lines 2 --json')).toBe(0);
    expect(grid.json()).toMatchObject([{ seq: 6 }, { seq: 7, events: [{ type: 'TopologyPublished' }] }]);
    expect(await grid.run('log dump --json --until 3')).toBe(0);
    expect(grid.json()).toMatchObject([{ seq: 1 }, { seq: 2 }, { seq: 3 }]);
    expect(await grid.run('log tail --lines 2')).toBe(0);
    expect(grid.out).toContain('  AB-2 failed (incarnation 1)');
  });

  it('trace gives two routes before and after the failure, and production selection agrees about the clusters', async () => {
    expect(await grid.run('trace 0x01abcdef --at +1s --json')).toBe(0);
    const [before] = grid.json() as { route: { node: string }[]; computed: { cluster: string }[] }[];
    expect(before!.route.map((stop) => stop.node)).toEqual(['IA-1', 'AB-2', 'AC-1', 'IC-1']);
    expect(before!.computed.map((stop) => stop.cluster)).toEqual(['IA', 'AB', 'AC', 'IC']);
    expect(await grid.run('trace tcp 10.0.0.2:80 10.0.0.1:40312 --at +3s')).toBe(0);
    expect(grid.out.join('\n')).toMatch(
      /AB {3}AB-3, backed up by AB-1\n.*taken over from AB-2 by AB-3\n.*because AB-2 failed/,
    );
  });

  it('trace finds an ended flow when asked about now, and not when asked about a time after it', async () => {
    expect(await grid.run('trace udp [2001:db8::2]:53 [2001:db8::1]:5353')).toBe(0);
    expect(await grid.run('trace udp [2001:db8::2]:53 [2001:db8::1]:5353 --at +3s')).toBe(5);
    expect(grid.err.join()).toContain('it lived at other times');
  });

  it('FG-227: trace says of a connection that the log does not hold what INODEs would do with it', async () => {
    expect(await grid.run('trace tcp 10.9.9.9:1 10.9.9.8:2 --json')).toBe(0);
    expect(grid.json()).toMatchObject([
      {
        would: true,
        grid: null,
        key: 'tcp 10.9.9.9:1 10.9.9.8:2',
        entrances: [{ network: 'EN-1', flow: null, refused: ['no-path'] }, { network: 'EN-4' }],
      },
    ]);
    expect(await grid.run('trace tcp 10.9.9.9:1 10.9.9.8:2 --at +1s')).toBe(0);
    expect(grid.out[0]).toMatch(/is not in the log. If it began under topology 1 \(commit 3\), it would go so:/);
    expect(grid.out[1]).toBe('From EN-1 it would be refused (no-path)');
  });

  it('FG-227: trace knows nothing of a flow ID alone', async () => {
    expect(await grid.run('trace 0x01000009')).toBe(5);
    expect(grid.err.join()).toContain('no flow for 0x01000009');
  });

  it('FG-228: trace gives the backup in force, when the one that the log names died without an event of the flow', async () => {
    const late = new Fixture();
    await late.open();
    await late.tell([...commits(), failureOfAb1()]);
    await late.tellFlows();
    expect(await late.run('trace 0x01abcdef --at +3100ms --json')).toBe(0);
    expect(late.json()).toMatchObject([{ route: [{}, { node: 'AB-3', backup: 'AB-1', backupBecause: [] }, {}, {}] }]);
    expect(await late.run('trace 0x01abcdef --at +4s --json')).toBe(0);
    expect(late.json()).toMatchObject([{ route: [{}, { node: 'AB-3', backup: null }, {}, {}] }]);
    expect(await late.run('trace 0x01abcdef --at +4s')).toBe(0);
    expect(late.out.join('\n')).toContain('because AB-1 failed (incarnation 1) (commit 8');
    await late.end();
  });

  it('trace finds the flow of a frame in a capture', async () => {
    const capture = join(grid.dir, 'one.pcap');
    writeFileSync(capture, captureOf([10, 0, 0, 1], 40312, [10, 0, 0, 2], 80));
    expect(await grid.run(`trace ${capture}:0 --json`)).toBe(0);
    expect(grid.json()).toMatchObject([{ flow: '0x01abcdef', at: micros(5_000) }]);
    expect(await grid.run(`trace ${capture}:1`)).toBe(5);
    expect(grid.err.join()).toContain('has 1 frames and no frame 1');
  });

  it('check asks the grid that runs', async () => {
    expect(await grid.run('check --json')).toBe(4);
    expect(grid.json()).toMatchObject([
      { source: 'grid', invariants: { isolation: 'broken: frame 9', affinity: 'held' } },
    ]);
  });
});

describe('the reading commands, on a log that nobody writes', () => {
  it('check judges what the log shows of itself', async () => {
    const grid = new Fixture();
    await grid.open();
    await grid.tell();
    await grid.tellFlows();
    const stored = (await grid.log.read(4, 1))[0]!;
    const state = stateAt(commits(), { seq: 4, at: Infinity }, initialState());
    await grid.log.putSnapshot(encodeSnapshot(canonicalState(state), stored, FOLD_VERSION));
    await grid.close();
    expect(await grid.run('check --json')).toBe(0);
    expect(grid.json()).toMatchObject([
      {
        source: 'log',
        invariants: { affinity: 'held', pinnedTopology: 'held', replay: 'held', isolation: 'not observed' },
      },
    ]);
    await grid.end();
  });

  it('audit verify names what is gone, exit 4', async () => {
    const grid = new Fixture();
    await grid.open();
    const anchors = [{ chain: '1/1@1', number: 3, hash: HEX_ZERO }];
    const [first] = commits();
    await grid.tell([{ ...first!, events: [{ type: 'FlowsAnchored', v: 1, data: { anchors } }] }]);
    await grid.close();
    expect(await grid.run('audit verify --json')).toBe(4);
    expect(grid.json()).toEqual([{ chain: '1/1@1', seq: 1, through: 3, reason: 'missing' }]);
    expect(await grid.run('check --json')).toBe(4);
    expect(grid.json()).toMatchObject([
      { invariants: { durability: expect.stringMatching(/^broken: 1\/1@1 1 is missing/) } },
    ]);
    await grid.end();
  });

  it('log --follow prints what is appended, until interrupted', async () => {
    const grid = new Fixture();
    await grid.open();
    const [first, second, ...rest] = commits();
    await grid.tell([first!, second!]);
    const running = grid.run('log tail --follow --json');
    const until = async (lines: number): Promise<void> => {
      while (grid.out.length < lines) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await until(2);
    await grid.tell(rest);
    await until(7);
    grid.interrupt.abort();
    expect(await running).toBe(130);
    expect(grid.json()).toMatchObject(commits().map(({ seq }) => ({ seq })));
    await grid.end();
  });

  it.each(['audit', 'log', 'check', 'trace 0x01abcdef'])('%s says that there is no log, exit 5', async (command) => {
    const grid = new Fixture();
    expect(await grid.run(command)).toBe(5);
    expect(grid.err.join('\n')).toContain('remedy: ');
    await grid.end();
  });
});
