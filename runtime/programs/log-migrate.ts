import { copyLog, type Copied } from '../../adapters/log/copy';
import { openKafkaLog } from '../../adapters/log/kafka';
import { openLmdbLog } from '../../adapters/log/lmdb';
import { verifyLog } from '../../adapters/log/verify';
import { FlowgridError } from '../../domain/base/errors';
import { EXIT, type Io, type MigrateOptions } from '../../interface/cli/programs';
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
async function toKafka({ data, kafka, grid, replicationFactor }: MigrateOptions): Promise<Migrated> {
  const from = await openLmdbLog({ dir: data, mode: 'writer' });
  try {
    const { grid: settings } = await rebuilt(from, from.head().seq);
    const name = settings?.name ?? grid;
    if (name === undefined) throw new FlowgridError('not-found', `${data}: no grid in this log`);
    const copies = replicationFactor === undefined ? {} : { replicationFactor };
    const to = await openKafkaLog({ brokers: kafka, grid: name, mode: 'writer', ...copies });
    try {
      return { copied: await copyLog(from, to), findings: verifyLog(to.raw()).findings.length };
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

async function toDirectory({ data, kafka, grid }: MigrateOptions): Promise<Migrated> {
  if (grid === undefined) throw new FlowgridError('usage', 'which grid?', { remedy: 'name it with --grid' });
  const from = await openKafkaLog({ brokers: kafka, grid, mode: 'reader' });
  try {
    const to = await openLmdbLog({ dir: data, mode: 'writer' });
    try {
      return { copied: await copyLog(from, to), findings: verifyLog(to.raw()).findings.length };
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}
