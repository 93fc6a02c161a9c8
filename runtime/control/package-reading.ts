import { decodeCommit } from '../../adapters/codec/records';
import type { TopologyEvent } from '../../domain/events';
import type { Commit } from '../../domain/log/commit';
import { packageKey, type PackageRecord } from '../../domain/package/state';
import type { EventLog } from '../../domain/seams/event-log';

/** The bundle of a package from the commit that published it, as UTF-8; undefined where the log does not hold it. */
export async function readBundle(log: EventLog, record: PackageRecord): Promise<Uint8Array | undefined> {
  const [stored] = await log.read(record.seq, 1);
  if (stored?.seq !== record.seq) return undefined;
  const { events } = decodeCommit(stored.bytes) as Commit<TopologyEvent>;
  for (const event of events) {
    if (event.type === 'PackagePublished' && packageKey(event.data) === packageKey(record)) {
      return new TextEncoder().encode(event.data.bundle);
    }
  }
  return undefined;
}
