import type { KafkaConsumer, LibrdKafkaError, WatermarkOffsets } from 'node-rdkafka';
import { boundsOf } from '../../../../../adapters/log/kafka/client';

/** Kafka answers so while a partition's new leader does not know the end yet, and where a topic is unknown. */
const OFFSET_NOT_AVAILABLE = 78;
const UNKNOWN_TOPIC = 3;

/** Answers with each error in turn, then with the offsets: brokers do not give these errors when they are told to. */
function consumerAnswering(...errors: number[]): KafkaConsumer {
  const answer = (done: (error: LibrdKafkaError | null, offsets?: WatermarkOffsets) => void): void => {
    const code = errors.shift();
    if (code === undefined) done(null, { lowOffset: 2, highOffset: 7 });
    else done(Object.assign(new Error(`error ${code}`), { code }) as unknown as LibrdKafkaError);
  };
  return { queryWatermarkOffsets: (_: string, __: number, ___: number, done: never) => answer(done) } as never;
}

describe('the end of a partition', () => {
  it('is asked for again while the partition has a new leader', async () => {
    const consumer = consumerAnswering(OFFSET_NOT_AVAILABLE, OFFSET_NOT_AVAILABLE);
    expect(await boundsOf(consumer, 'agents.topology', 0, 10_000)).toEqual({ begin: 2, end: 7 });
  });

  it('is not waited for where it will not be told, nor for ever', async () => {
    const failed = { code: 'log-failed', canRetry: true };
    await expect(boundsOf(consumerAnswering(UNKNOWN_TOPIC), 't', 0, 10_000)).rejects.toMatchObject(failed);
    await expect(boundsOf(consumerAnswering(OFFSET_NOT_AVAILABLE), 't', 0, 0)).rejects.toMatchObject(failed);
  });
});
