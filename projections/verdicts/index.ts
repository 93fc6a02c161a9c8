export { judgeLog, type LogEvidence } from './log-verdicts';
export {
  createChecker,
  type Acknowledged,
  type Checker,
  type CheckerFigures,
  type CheckerOptions,
  type Evidence,
} from './checker';
export { anyBroken, INVARIANTS, type InvariantName, type Verdict, type Verdicts } from './words';
