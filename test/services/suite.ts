import { notRun } from '../support/not-run';
import type { Availability } from './availability';

/**
 * A suite that needs a real server, named with the server's version. Where the server cannot be had, `npm test` says
 * so and why in its last lines; in CI that is a failure, so that a green CI has really seen the servers.
 */
export function describeWithServer(title: string, available: () => Availability, body: () => void): void {
  const answer = available();
  if (answer.ok) describe(`${title} [${answer.version}]`, body);
  else notRun(title, answer.why.replaceAll('\n', ' '))(title, body);
}
