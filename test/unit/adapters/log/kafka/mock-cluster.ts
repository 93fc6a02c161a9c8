import { createRequire } from 'node:module';
import type { Metadata, ProducerGlobalConfig } from 'node-rdkafka';
import { answered, disconnect, loadLibrary, type Library } from '../../../../../adapters/log/kafka/client';
import { availability } from '../../../../services/availability';

/** Brokers inside this process, which the client library brings along: they speak the protocol, and keep nothing. */
export interface MockCluster {
  readonly library: Library;
  /** Bootstrap servers for other clients. */
  readonly brokers: string;
  makeTopic(topic: string): Promise<void>;
  stop(): Promise<void>;
}

/** Whether the client library is there, which not every install has. */
export const clientAvailable = availability(() => {
  const { librdkafkaVersion } = createRequire(__filename)('node-rdkafka') as Pick<Library, 'librdkafkaVersion'>;
  return `librdkafka ${librdkafkaVersion}`;
});

const START_MS = 10_000;

/** Starts as many brokers as asked for. */
export async function startMockCluster(count: number): Promise<MockCluster> {
  const library = await loadLibrary();
  // The address is replaced by those of the brokers.
  const settings = { 'test.mock.num.brokers': count, 'metadata.broker.list': 'replaced' };
  const host = new library.Producer(settings as ProducerGlobalConfig);
  const metadata = await answered<Metadata>((done) => host.connect({ timeout: START_MS }, done));
  return {
    library,
    brokers: metadata.brokers.map(({ host: name, port }) => `${name}:${port}`).join(),
    async makeTopic(topic) {
      // A producer that asks for a topic makes it.
      await answered<Metadata>((done) => host.getMetadata({ topic, timeout: START_MS }, done));
    },
    stop: () => disconnect(host),
  };
}
