/** The event log on Kafka: the distributed engine. */
export { openKafkaLog, type KafkaLog } from './kafka-log';
export { standForLeader, type Candidacy, type CandidacyListener } from './candidacy';
export { LEADER_TIMEOUT_MS, type CandidacyOptions, type KafkaLogOptions } from './settings';
export { KAFKA_MECHANISMS, type KafkaSasl, type KafkaSecurity, type KafkaTls } from './security';
