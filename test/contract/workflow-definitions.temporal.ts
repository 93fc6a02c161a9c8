/** The contract's workflows as a Temporal worker bundles them. */
import { temporalWorkflow } from '../../workflows/temporal/context';
import { contractDefinitions } from './workflow-definitions';

export const chain = temporalWorkflow(contractDefinitions.chain);
export const approval = temporalWorkflow(contractDefinitions.approval);
export const patient = temporalWorkflow(contractDefinitions.patient);
export const pair = temporalWorkflow(contractDefinitions.pair);
