import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPrng } from '../../domain/base/prng';
import type { Report } from '../../projections';
import type { Receipt } from '../../runtime/programs/up/receipts';
import { emptyCapture, flowgrid, inFlight, UpSite } from '../support/up-process';
import { FIGURE_4 } from '../support/run-up';

/** Kills per run; `FLOWGRID_SEED` repeats the choices of a run, though not the instants. */
const KILLS = Number(process.env['FLOWGRID_KILLS'] ?? 12);
/** Share of the kills that must have come while an append was on its way. */
const UNDER_APPEND = 0.3;
const SEED = Number(process.env['FLOWGRID_SEED'] ?? process.pid);

const CAPTURES = ['dns', 'ssh', 'tls', 'web'].map((name) => join(__dirname, `../../examples/captures/${name}.pcap`));
/** A node dies and returns in the first round of the capture, so that there is something to append. */
const DEATHS: readonly string[] = ['--kill', 'AB-2@0.3', '--revive', 'AB-2@0.7'];
/** What happens in the grid while it is killed: nothing but traffic, or that. */
const STORIES: readonly (readonly string[])[] = [[], DEATHS];
/** Setting figure 4 up leaves some 150 lines; what comes later is traffic. */
const LINES_MAX = 250;
/** Taking up a grid, and the death of a node, leave some twenty. */
const LINES_OF_STORY = 12;
/** A grid that stands leaves few: it is killed after some rounds of the capture at the latest. */
const ROUNDS_MAX = 4;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'flowgrid-up-crash-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the whole program killed (invariant 8)', () => {
  test(
    `FG-18: ${KILLS} times kill -9 at random instants loses nothing that was acknowledged (seed ${SEED})`,
    async () => {
      const prng = createPrng(SEED);
      const empty = emptyCapture(root);
      let site: UpSite | undefined;
      let hits = 0;
      // As often as asked, and then until enough kills fell under an append, which is for the scheduler to say.
      for (let kill = 0; kill < KILLS || hits < KILLS * UNDER_APPEND; kill++) {
        if (site === undefined || prng.below(2) === 0) site = newSite(`site-${kill}`);
        // Every other kill falls when it falls, the rest when an append is next on its way, which the story sees to.
        const underAppend = kill % 2 === 1;
        const lines = 1 + prng.below(underAppend ? LINES_OF_STORY : LINES_MAX);
        const roundsMax = 1 + prng.below(ROUNDS_MAX);
        const capture = CAPTURES[prng.below(CAPTURES.length)]!;
        const story = underAppend ? DEATHS : STORIES[prng.below(STORIES.length)]!;
        const isDue = (receipts: readonly Receipt[], rounds: number): boolean =>
          receipts.length >= lines || rounds >= roundsMax;
        const left = await site.kill(capture, { isDue, underAppend, turns: prng.below(50) }, ...story);
        if (inFlight(left).length > 0) hits++;
        const what = `kill ${kill}, after ${left.length} receipts, with ${story.join(' ')}`;

        await expectWhole(site, what);
        // The first program after the crash finishes what was half done; the next finds nothing to do.
        await expectHeld(site, empty, what);
        const settled = (await site.commits()).length;
        await expectHeld(site, empty, what);
        const added = (await site.commits()).slice(settled).flatMap(({ events }) => events.map(({ type }) => type));
        expect({ what, added }).toEqual({ what, added: ['LeaderElected'] });
        await expectWhole(site, what);
      }
    },
    KILLS * 20_000,
  );

  test('FG-18: what was acknowledged and is not in the log as it was is noticed', async () => {
    const site = newSite('planted');
    await expectHeld(site, emptyCapture(root), 'a whole run');
    expect(await site.missing()).toEqual([]);
    const last = site.receipts().findLast(({ chain }) => chain === 'topology')!;
    const planted = [
      { ...last, seq: last.seq + 1 },
      { ...last, hash: '0'.repeat(64) },
      { ...last, commandId: 'operator/9/9' },
      { ...last, stateHash: '0'.repeat(64) },
    ];
    appendFileSync(site.receiptsFile, planted.map((receipt) => `${JSON.stringify(receipt)}\n`).join(''));
    expect(await site.missing()).toEqual(planted);
  });
});

function newSite(name: string): UpSite {
  const dir = join(root, name);
  mkdirSync(dir);
  return new UpSite(dir, FIGURE_4);
}

/** All that was ever acknowledged is there, states included, and verification finds nothing. */
async function expectWhole(site: UpSite, what: string): Promise<void> {
  expect({ what, missing: await site.missing() }).toEqual({ what, missing: [] });
  const { code, stdout } = await flowgrid('audit', 'verify', '--json', '--data', site.data);
  expect({ what, code, stdout }).toEqual({ what, code: 0, stdout: '' });
}

/** The program runs on the directory, to its end, and breaks nothing. */
async function expectHeld(site: UpSite, capture: string, what: string): Promise<void> {
  const { code, stdout, stderr } = await site.run(capture);
  expect({ what, code, said: code === 0 ? '' : stderr }).toEqual({ what, code: 0, said: '' });
  expect({ what, replay: (JSON.parse(stdout) as Report).invariants.replay }).toEqual({ what, replay: 'held' });
}
