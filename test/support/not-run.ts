import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const notes = join(__dirname, '../../dist/.not-run');

/**
 * Declares that a suite cannot run here, and why; `npm test` repeats it in its last lines. In CI it is a failure.
 *
 * @example const suite = available.ok ? describe : notRun('Kafka event log', available.why);
 */
export function notRun(suite: string, why: string): (name: string, body: () => void) => void {
  mkdirSync(dirname(notes), { recursive: true });
  appendFileSync(notes, `NOT RUN: ${suite}: ${why}\n`);
  if (process.env['CI'] !== 'true') return (name, body) => describe.skip(name, body);
  return (name) => {
    describe(name, () => {
      it('runs in CI', () => {
        throw new Error(`${suite} did not run: ${why}`);
      });
    });
  };
}
