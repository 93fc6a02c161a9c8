export { withOverrides, type DesiredGrid, type Overrides } from './desired';
export { inspectGridFile, loadGridFile } from './load';
export { foreseenState } from './foreseen';
export { linkRecordsText, readLinkRecords } from './link-records';
export { applyDesired, planCommands } from './plan';
export type { Problem } from './reader';
