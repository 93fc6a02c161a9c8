import { openKafkaLog } from '../../adapters/log/kafka';
import { kafkaAvailable, startKafkaAsSet, type BrokerRoom } from '../services/kafka';
import { describeWithServer } from '../services/suite';
import { readCompose } from '../support/compose';

/** What the image makes of its environment: `KAFKA_NODE_ID` is `node.id`. Ports and folder are those of the test. */
function settingsIn({ broker, controller, dataDir }: BrokerRoom): Record<string, string> {
  const environment = readCompose().services['kafka']!.environment!;
  const settings = Object.entries(environment).map(([name, value]) => {
    const here = String(value)
      .replaceAll(':9092', `:${broker}`)
      .replaceAll(':9093', `:${controller}`)
      .replaceAll(String(environment['KAFKA_LOG_DIRS']), dataDir);
    return [name.replace('KAFKA_', '').toLowerCase().replaceAll('_', '.'), here] as const;
  });
  return Object.fromEntries(settings);
}

describeWithServer('the Kafka of compose.yaml', kafkaAvailable, () => {
  it('FG-444: starts with these settings, and has a grid’s log', async () => {
    const server = await startKafkaAsSet(settingsIn);
    try {
      const log = await openKafkaLog({ brokers: server.brokers, grid: 'composed', mode: 'writer' });
      expect(log.head().seq).toBe(0);
      await log.close();
    } finally {
      await server.stop();
    }
  });
});
