import { FORWARD, type FunctionDefinition } from './function';

/** `pass`: lets everything through unread. The host recognises it and skips the call, so that it costs nothing. */
export const pass: FunctionDefinition = {
  name: 'pass',
  summary: 'lets everything through',
  create: () => ({ stateKind: 'stateless', reads: 'nothing', dropReasons: [], process: () => FORWARD }),
};
