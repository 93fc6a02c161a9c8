export * from './messages';
export { SILENT_MS, StatisticsStreams, type Teller } from './streams';
