import { NO_HASH } from '../../domain/seams/event-log';
import { writeSync } from 'node:fs';
import { createPrng } from '../../domain/base/prng';
import { sha256 } from '../../adapters/codec/hash';
import { encodeFlowBatch } from '../../adapters/codec/flow-batch';
import { decodeCommit } from '../../adapters/codec/records';
import { openLmdbLog, type LmdbLog } from '../../adapters/log/lmdb';
import { commitsAfter, flowEnded } from '../contract/log-records';

/**
 * A program that appends to the log of a directory until it is killed or has done its number of rounds, and says on
 * standard output what it begins and what was acknowledged to it. Arguments: directory, seed, rounds.
 */
async function main([dir, seed, rounds]: readonly string[]): Promise<void> {
  const prng = createPrng(Number(seed));
  const log = await openLmdbLog({ dir: dir as string, mode: 'writer' });
  const chain = `2/1@${seed}`;
  say(`open ${log.head().seq}`);
  for (let round = 0; round < Number(rounds); round++) {
    const records = commitsAfter(log.head(), 1 + prng.below(4), {
      commandId: `${seed}-${round}`,
      events: [{ type: 'Filler', v: 1, data: 'x'.repeat(prng.below(3000)) }],
    });
    say(`begin ${round}`);
    await Promise.all([appendCommits(log, records), appendBatch(log, chain)]);
  }
  await log.close();
}

async function appendCommits(log: LmdbLog, records: readonly Uint8Array[]): Promise<void> {
  const result = await log.append(records);
  result.accepted.forEach((seq, i) => {
    const bytes = records[i] as Uint8Array;
    say(`commit ${seq} ${sha256(bytes)} ${decodeCommit(bytes).commandId}`);
  });
}

async function appendBatch(log: LmdbLog, chain: string): Promise<void> {
  const head = (await log.chains()).find((known) => known.chain === chain) ?? { number: 0, hash: NO_HASH };
  const number = head.number + 1;
  const batch = encodeFlowBatch({ chain, number, prev: head.hash, lost: 0, events: [flowEnded(number)] });
  await log.appendFlows(batch);
  say(`batch ${number} ${sha256(batch.bytes)} ${chain}`);
}

/** Synchronous, so that what was acknowledged is out before anything else happens. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

void main(process.argv.slice(2));
