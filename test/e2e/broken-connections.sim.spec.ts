import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { BrokenConnections, Scenario } from '../support/broken-connections';

/** Flows in all; `FLOWGRID_FLOWS` asks for another number, `FLOWGRID_SEED` for other traffic. */
const FLOWS = Number(process.env['FLOWGRID_FLOWS'] ?? 100_000);
const SEED = Number(process.env['FLOWGRID_SEED'] ?? 1);
/** A bound against hanging, not a budget: machines are shared. */
const TIMEOUT_MS = 900_000;

const REGISTER = join(__dirname, '../services/register.cjs');
const PROGRAM = join(__dirname, '../support/broken-connections.ts');

/** Runs a scenario in a process of its own. */
async function run(scenario: Scenario, flows: number): Promise<BrokenConnections> {
  const args = ['-r', REGISTER, PROGRAM, scenario, String(flows), String(SEED)];
  const output = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, { timeout: TIMEOUT_MS }, (error, stdout, stderr) =>
      error === null ? resolve(stdout) : reject(new Error(`${error.message}\n${stderr}`)),
    );
  });
  return JSON.parse(output) as BrokenConnections;
}

/** The stage grew from 24 to 29 and shrank to 22; nodes that drained took nothing new and left. */
function expectMembershipChanged(result: BrokenConnections): void {
  expect(result.kernels).toBe('wasm');
  expect(result.mostNodes).toBe(29);
  expect(result.nodesAtEnd).toBe(22);
  expect(result.drained.filter(({ node }) => node >>> 7 === 2)).toHaveLength(7);
  expect(result.givenToDraining).toBe(0);
}

/** No frame of any flow met another node than its first did. */
function expectNoneBroken(result: BrokenConnections): void {
  expect(result.moved).toBe(0);
  expect(result.flowsWithLoss).toBe(0);
  const { affinity, pinnedTopology, oneEmitter, isolation, transparency } = result.verdicts;
  expect({ affinity, pinnedTopology, oneEmitter, isolation, transparency }).toEqual({
    affinity: 'held',
    pinnedTopology: 'held',
    oneEmitter: 'held',
    isolation: 'held',
    transparency: 'held',
  });
}

describe(`broken connections, with a stage of 24 nodes that grows to 29 and shrinks to 22 (seed ${SEED})`, () => {
  test(
    `FG-35 FG-37 FG-70: of ${FLOWS} flows none is broken, none loses a frame, and nodes drain`,
    async () => {
      const result = await run('membership', FLOWS);
      expectMembershipChanged(result);
      expectNoneBroken(result);
      expect(result.flows).toBe(FLOWS);
      expect(result.left).toBe(result.frames);
      expect(result.dropped).toEqual({});
      expect(result.verdicts.conservation).toBe('held');
    },
    TIMEOUT_MS,
  );

  test(
    `FG-70 FG-160 FG-161: with tables for a tenth of ${FLOWS} flows none is refused and none is broken`,
    async () => {
      const result = await run('capped', FLOWS);
      expectMembershipChanged(result);
      expectNoneBroken(result);
      expect(result.flows).toBe(FLOWS);
      expect(result.refused).toBe(0);
      expect(result.dropped).toEqual({});
      expect(result.left).toBe(result.frames);
      // Most frames were carried without an entry, and not all.
      expect(result.flooded).toBeGreaterThan(result.frames / 2);
      expect(result.flooded).toBeLessThan(result.frames);
      expect(result.untracked).toBe(0);
      expect(result.verdicts.conservation).toBe('held');
    },
    TIMEOUT_MS,
  );

  test(
    'FG-70: INODEs at either end die with their tables, and those beside them go on with every flow',
    async () => {
      const result = await run('inode-lost', FLOWS / 5);
      expectMembershipChanged(result);
      expectNoneBroken(result);
      expect(result.left).toBe(result.frames);
      expect(result.refused).toBe(0);
      expect(result.verdicts.conservation).toBe('held');
    },
    TIMEOUT_MS,
  );

  test.each(['inode-joins', 'inode-returns', 'inode-loses-tables', 'inode-swaps', 'inode-succession'] as const)(
    'FG-150 FG-151 FG-153: %s: those with an empty table take no flow for a new one, and none is lost',
    async (scenario) => {
      const result = await run(scenario, scenario === 'inode-returns' ? FLOWS : FLOWS / 5);
      expectMembershipChanged(result);
      expectNoneBroken(result);
      expect(result.left).toBe(result.frames);
      expect(result.refused).toBe(0);
      expect(result.verdicts.conservation).toBe('held');
    },
    TIMEOUT_MS,
  );

  test(
    'FG-35: an INODE drains while its flows go on, and leaves',
    async () => {
      const result = await run('inode-drains', FLOWS / 5);
      expectMembershipChanged(result);
      expectNoneBroken(result);
      expect(result.left).toBe(result.frames);
      expect(result.drained.some(({ node }) => node >>> 7 === 1)).toBe(true);
      expect(result.verdicts.conservation).toBe('held');
    },
    TIMEOUT_MS,
  );
});
