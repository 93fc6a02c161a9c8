/** The event log on Kafka: the distributed engine. */
export { openKafkaLog, type KafkaLog } from './kafka-log';
export type { KafkaLogOptions } from './settings';
