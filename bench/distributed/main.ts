import type { BenchOptions, BenchResult } from '../result';
import { appendOnKafka } from './append';
import { publicationOverNats } from './publication';
import { replayFromKafka } from './replay';
import { absent, isServer, startServer } from './servers';
import { takeover } from './takeover';

/** The event log and the control plane over real servers, which are started for it; what is not there is named. */
export async function run({ smoke }: BenchOptions = { smoke: false }): Promise<BenchResult[]> {
  const [kafka, nats] = await Promise.all([startServer('kafka'), startServer('nats')]);
  const results: BenchResult[] = [];
  try {
    if (isServer(kafka)) {
      results.push(...(await appendOnKafka(kafka.address, smoke)), ...(await replayFromKafka(kafka.address, smoke)));
    } else results.push(absent('Kafka', kafka));
    if (isServer(nats)) results.push(...(await publicationOverNats(nats.address, smoke)));
    else results.push(absent('NATS', nats));
    if (isServer(kafka) && isServer(nats)) results.push(await takeover(kafka.address, nats.address, smoke));
    return results;
  } finally {
    await Promise.all([kafka, nats].filter(isServer).map((server) => server.stop()));
  }
}
