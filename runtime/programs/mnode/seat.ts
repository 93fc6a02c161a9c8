import { openKafkaLog, standForLeader, type Candidacy, type CandidacyListener } from '../../../adapters/log/kafka';
import { openLmdbLog, type RequestHandler } from '../../../adapters/log/lmdb';
import type { EventLog } from '../../../domain/seams/event-log';
import { readConnections } from '../connections';
import type { MnodeOptions } from '../../../interface/cli/programs';

/** An open log, and what it takes to be the one that writes it. */
export interface Seat {
  readonly log: EventLog;
  /** Begins to stand for leadership; `listener` is told what becomes of it. */
  stand(listener: CandidacyListener): Promise<void>;
  /** Stands no more, so that another is chosen; false where there can be no other. */
  withdraw(): Promise<boolean>;
  /** Becomes the writer: earlier ones write nothing more. */
  take(): Promise<void>;
  /** Is the writer no more and goes on reading. */
  leave(): Promise<void>;
  /** Gives everything up, leadership first, so that another is chosen at once. */
  close(): Promise<void>;
}

/** Opens the log that the options name. `onRequest` answers other programs where the log is a directory of this machine. */
export function openSeat(options: MnodeOptions, grid: string, onRequest: RequestHandler): Promise<Seat> {
  const { kafka } = options;
  return kafka === undefined ? openEmbedded(options.data, onRequest) : openDistributed({ ...options, kafka }, grid);
}

/** The directory has one writer: whoever could open it leads. */
async function openEmbedded(dir: string, onRequest: RequestHandler): Promise<Seat> {
  const log = await openLmdbLog({ dir, mode: 'writer', onRequest });
  return {
    log,
    stand: async (listener) => listener.elected(),
    withdraw: async () => false,
    take: async () => undefined,
    leave: async () => undefined,
    close: () => log.close(),
  };
}

async function openDistributed(options: MnodeOptions & { readonly kafka: string }, grid: string): Promise<Seat> {
  const { kafka: brokers, name, leaderTimeoutMs, replicationFactor } = options;
  const { kafka: security } = readConnections(options.connections);
  const place = { brokers, grid, ...(security === undefined ? {} : { security }) };
  const log = await openKafkaLog({ ...place, mode: 'reader', ...(replicationFactor && { replicationFactor }) });
  let candidacy: Candidacy | undefined;
  return {
    log,
    stand: async (listener) => {
      candidacy = await standForLeader({ ...place, name, ...(leaderTimeoutMs && { leaderTimeoutMs }) }, listener);
    },
    withdraw: async () => {
      await candidacy?.close();
      candidacy = undefined;
      return true;
    },
    take: () => log.promote(),
    leave: () => log.stepDown(),
    close: async () => {
      await candidacy?.close();
      await log.close();
    },
  };
}
