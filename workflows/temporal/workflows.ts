/**
 * The workflows that a Temporal worker bundles: one function per definition, under the definition's name. Written out,
 * because a bundle's exports must be known before it runs; a test compares them with the definitions.
 */
import { definitions } from '../definitions';
import { temporalWorkflow } from './context';

export const scaleOut = temporalWorkflow(definitions.scaleOut);
export const scaleIn = temporalWorkflow(definitions.scaleIn);
export const replaceNode = temporalWorkflow(definitions.replaceNode);
export const upgradeFunction = temporalWorkflow(definitions.upgradeFunction);
export const cloneEnvironment = temporalWorkflow(definitions.cloneEnvironment);
