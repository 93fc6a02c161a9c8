import { randomInt } from 'node:crypto';
import { kafkaAvailable } from '../services/kafka';
import { natsAvailable } from '../services/nats';
import { describeWithServer } from '../services/suite';
import { temporalAvailable } from '../services/temporal';
import { Kills, VICTIMS, told, type KillResult } from '../support/lab/kills';
import { LabGrid } from '../support/lab/lab-grid';
import { labAvailable } from '../support/lab/network';

/** Kills of each; `npm run soak` does many. */
const TIMES = 3;
/**
 * The longest gap is at most twice that of an untroubled run, as the soak shows; a machine that tests share may itself stand
 * still for a moment in either, milliseconds.
 */
const STANDSTILL_MS = 1_000;
/** A kill takes some 10 s; where a machine does other things too, servers start slowly. */
const LIMIT_MS = 600_000;

const allAvailable = (): ReturnType<typeof labAvailable> =>
  [labAvailable(), natsAvailable(), temporalAvailable()].find(({ ok }) => !ok) ?? kafkaAvailable();

describeWithServer('kill -9 of servers, MNODEs and workers under traffic and workflows', allAvailable, () => {
  let lab: LabGrid;
  let kills: Kills;
  let undisturbedMs = 0;

  beforeAll(async () => {
    lab = await LabGrid.start({ brokers: 3, temporal: true });
    kills = new Kills(lab);
    for (let n = 0; n < TIMES; n++) undisturbedMs = Math.max(undisturbedMs, (await once(undefined)).gapMs);
  }, LIMIT_MS);
  afterAll(() => lab.end());

  const once = async (victim: KillResult['victim']): Promise<KillResult> => {
    const result = await kills.once(victim, randomInt(2 ** 31));
    process.stdout.write(`${told(result)}\n`);
    return result;
  };

  test.each(VICTIMS)(
    'FG-408 FG-440: %s: no frame is lost, no acknowledged command forgotten, no workflow half done, and forwarding never stops',
    async (victim) => {
      for (let n = 0; n < TIMES; n++) {
        const result = await once(victim);
        expect(result).toMatchObject({ lost: 0, twice: 0, reordered: 0, forgotten: 0 });
        expect(result.scaling).not.toMatchObject({ end: 'half done' });
        expect(result.acknowledged).toBeGreaterThan(0);
        expect(result.gapMs).toBeLessThanOrEqual(2 * undisturbedMs + STANDSTILL_MS);
      }
    },
    LIMIT_MS,
  );
});
