import type { WorkflowDefinition } from '../../domain/seams/workflow-engine';
import { cloneEnvironment } from './clone-environment';
import { replaceNode } from './replace-node';
import { scaleIn } from './scale-in';
import { scaleOut } from './scale-out';
import { upgradeFunction } from './upgrade-function';

/** Workflows by name. */
export type Definitions = Readonly<Record<string, WorkflowDefinition>>;

/** A definition among others: its input is checked by nobody but the caller who starts it by name. */
export function asDefinition<Input, Result>(definition: WorkflowDefinition<Input, Result>): WorkflowDefinition {
  return (ctx, input) => definition(ctx, input as Input);
}

/** Every workflow of flowgrid, as both engines know it. */
export const definitions = {
  scaleOut: asDefinition(scaleOut),
  scaleIn: asDefinition(scaleIn),
  replaceNode: asDefinition(replaceNode),
  upgradeFunction: asDefinition(upgradeFunction),
  cloneEnvironment: asDefinition(cloneEnvironment),
} satisfies Definitions;

export { replaceNode, type ReplaceNodeInput, type ReplaceNodeResult } from './replace-node';
export { scaleIn, type ScaleInInput, type ScaleInResult } from './scale-in';
export { scaleOut, type ScaleOutInput, type ScaleOutResult } from './scale-out';
export { cloneEnvironment, type CloneEnvironmentInput, type CloneEnvironmentResult } from './clone-environment';
export { upgradeFunction, type UpgradeFunctionInput, type UpgradeFunctionResult } from './upgrade-function';
export { runSaga, type Call, type SagaStep } from './saga';
