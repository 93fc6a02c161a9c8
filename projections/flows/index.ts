export { FLOWS_FOLD_VERSION, FlowsProjection, type FlowsCheckpoint } from './projection';
export {
  bindingOf,
  effectOf,
  type Flood,
  type FlowChange,
  type FlowRecord,
  isToldAgain,
  livesAt,
  openedBy,
  originOf,
  overAt,
  pinnedAt,
} from './record';
export { clusterOfStop, routeAt, type Stop } from './route';
