/** The workflows that a Temporal worker bundles: one function per definition, under the definition's name. */
import { definitions } from '../definitions';
import { temporalWorkflow } from './context';

module.exports = Object.fromEntries(
  Object.entries(definitions).map(([name, definition]) => [name, temporalWorkflow(definition)]),
);
