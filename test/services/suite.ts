import type { Availability } from './availability';

/**
 * A suite that needs a real server. Where the server cannot be had, the suite says so by name and reason in the
 * summary and does not run; in CI (`CI=true`) that is a failure, so that a green CI has really seen the servers.
 */
export function describeWithServer(title: string, available: () => Availability, body: () => void): void {
  const answer = available();
  if (answer.ok) {
    describe(`${title} [${answer.version}]`, body);
    return;
  }
  if (process.env.CI === 'true') {
    test(`${title} needs its server in CI`, () => {
      throw new Error(answer.why);
    });
    return;
  }
  process.stderr.write(`DID NOT RUN: ${title}: ${answer.why}\n`);
  describe.skip(`${title} [did not run: ${answer.why.split('\n')[0]}]`, body);
}
