import { copyLog, type Copied } from '../../adapters/log/copy';
import { openKafkaLog, type KafkaLog } from '../../adapters/log/kafka';
import { openLmdbLog, type LmdbLog } from '../../adapters/log/lmdb';
import { verifyLog } from '../../adapters/log/verify';
import { FlowgridError } from '../../domain/base/errors';
import type { EventLog } from '../../domain/seams/event-log';
import { EXIT, type Io, type MigrateOptions } from '../../interface/cli/programs';
import { readConnections } from './connections';
import { rebuilt } from './log-reading';

/**
 * `flowgrid log migrate`: copies a grid's log from its data directory to Kafka, or back, with the same head. Exit 4 when
 * the copy does not verify.
 *
 * @throws FlowgridError `log-locked` while a grid runs on the directory, `log-conflict` when the copy cannot be one.
 */
export async function migrate(options: MigrateOptions, io: Io): Promise<number> {
  const { copied, findings } = options.to === 'kafka' ? await toKafka(options) : await toDirectory(options);
  const { head, commits, chains, batches, skipped } = copied;
  if (options.json) {
    io.out(
      JSON.stringify({ to: options.to, seq: head.seq, hash: head.hash, commits, chains, batches, skipped, findings }),
    );
  } else {
    io.out(`topology: ${commits} commits copied, head ${head.seq} ${head.hash}`);
    io.out(`flows: ${batches} batches of ${chains} chains copied`);
    for (const chain of skipped) io.err(`${chain}: not copied, its beginning was let go of`);
  }
  return findings === 0 ? EXIT.ok : EXIT.findings;
}

interface Migrated {
  readonly copied: Copied;
  readonly findings: number;
}

/** The directory is opened for writing, so that no grid runs on it meanwhile. */
async function toKafka({ data, grid, ...options }: MigrateOptions): Promise<Migrated> {
  return closing(await openLmdbLog({ dir: data, mode: 'writer' }), async (from) => {
    const { grid: settings } = await rebuilt(from, from.head().seq);
    const name = settings?.name ?? grid;
    if (name === undefined) throw new FlowgridError('not-found', `${data}: no grid in this log`);
    return copied(from, await openKafkaLog({ ...placeOf(options), grid: name, mode: 'writer' }));
  });
}

async function toDirectory({ data, grid, ...options }: MigrateOptions): Promise<Migrated> {
  if (grid === undefined) throw new FlowgridError('usage', 'which grid?', { remedy: 'name it with --grid' });
  return closing(await openKafkaLog({ ...placeOf(options), grid, mode: 'reader' }), async (from) =>
    copied(from, await openLmdbLog({ dir: data, mode: 'writer' })),
  );
}

function placeOf({ kafka, connections, replicationFactor }: Omit<MigrateOptions, 'data' | 'grid'>) {
  const { kafka: security } = readConnections(connections);
  return {
    brokers: kafka,
    ...(security === undefined ? {} : { security }),
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
  };
}

/** Copies into a log that is closed afterwards, and verifies what stands there. */
function copied(from: EventLog, into: KafkaLog | LmdbLog): Promise<Migrated> {
  return closing(into, async (to) => ({
    copied: await copyLog(from, to),
    findings: (await verifyLog(to.raw())).findings.length,
  }));
}

async function closing<Log extends EventLog, Result>(log: Log, use: (log: Log) => Promise<Result>): Promise<Result> {
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}
