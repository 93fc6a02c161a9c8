import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCaptureFile } from '../support/capture-file';
import {
  brokenIn,
  contentOf,
  droppedIn,
  killAt,
  killUnderTraffic,
  NO_TRAFFIC,
  reverseOrderOf,
  type KilledRun,
} from '../support/killed-run';
import { notRun } from '../support/not-run';
import { figureFourVariant, hasTraces, runUp, stopRunner, traces, TRACES, type UpRun } from '../support/run-up';
import { compareTranslations, translationsOver } from '../support/translation';

const STRICT = '{ name: packet-filter, config: { mode: strict } }';
const NAT = '{ name: nat, config: { addresses: [203.0.113.1] } }';

/**
 * Captures of which a strict filter lets nothing through (two frames of odd-many-link-types), because they show no connection
 * begin: nothing is held.
 */
const ALL_REFUSED = new Set([
  'long-modbus.pcap',
  'web-attack-short-flows.pcap',
  'odd-many-link-types.pcapng',
  'web-requests-one-way.pcap',
]);
/**
 * Captures whose flows need no state of the filter after the kill: datagrams among the first 64 of their direction,
 * fragments, connections that are over. Without a backup they lose what was on its way to the dead node, and no more.
 */
const NEEDS_NO_STATE = new Set([
  ...ALL_REFUSED,
  'dns-lookups.pcap',
  'encap-gre.pcap',
  'encap-pppoe.pcap',
  'encap-teredo.pcap',
  'encap-vxlan.pcap',
  'frag-dns.pcap',
  'frag-ipv6-udp.pcap',
  'ftp-all-commands.pcap',
  'ipv6-atomic-fragments.pcap',
  'ipv6-destination-options.pcap',
  'ipv6-mixed.pcap',
  'odd-big-endian.pcap',
  'odd-fuzzed.pcap',
  'odd-malformed-merged.pcap',
  'odd-short-snaplen-fragments.pcap',
  'scan-syn-flood.pcap',
  'scan-syn.pcap',
  'voip-sip-rtp.pcap',
]);
/** Captures in which flows that NAT translates go on over the kill, at least; the others' are over, or not IPv4. */
const TRANSLATED_OVER_MIN = 20;

/**
 * Which of two modes with workers a capture is tried in where a node dies once, and where two die: so each meets both.
 * Which frames are under way when a node dies is for the scheduler to say, so only what holds whatever it does is expected.
 */
const WITH_WORKERS: readonly (readonly string[])[] = [
  ['--workers', '2'],
  ['--workers', '4', '--selection', 'distributed'],
];

/**
 * Captures of which 40 % to 70 % pass within 2 ms: the second node dies before everybody knows of the first one's death, so flows
 * may have had their backup there. What threads know by then is for the scheduler to say.
 */
const DIE_TOGETHER = new Set(['ftp-active.pcap', 'ftp-all-commands.pcap', 'ipv6-destination-options.pcap']);

const killable = traces.filter((name) => !NO_TRAFFIC.has(name));
/** A capture is sent through the grid several times, on a machine that may be busy. */
jest.setTimeout(600_000);

const suite = hasTraces ? describe : notRun('kills of functions under captures', `there is no ${TRACES}`);

suite('a node that keeps state about flows dies under traffic', () => {
  let dir: string;
  const open: UpRun[] = [];
  const kept = <Run extends UpRun>(run: Run): Run => {
    open.push(run);
    return run;
  };
  beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'flowgrid-kill-'))));
  afterEach(() => open.splice(0).forEach((run) => run.clean()));
  afterAll(() => {
    stopRunner();
    rmSync(dir, { recursive: true, force: true });
  });

  describe('FG-220, FG-221, FG-223: a strict filter goes on as if nothing had happened, and breaks without a backup', () => {
    it.each(killable)('%s', async (name) => {
      const grid = figureFourVariant(dir, 'strict', STRICT);
      const untroubled = kept(await runUp(grid, join(TRACES, name)));
      const killed = kept(await killUnderTraffic(grid, name));
      const threaded = kept(await killAt(killed.fraction, grid, name, withWorkers(name)));
      for (const run of [killed, threaded]) {
        expect(contentOf(run)).toEqual(contentOf(untroubled));
        expect(brokenIn(run)).toEqual([]);
        expect(reverseOrderOf(run).wrong).toEqual([]);
      }
      expect(killed.report.failures[0]!.takenOver).toBeGreaterThanOrEqual(1);
      if (ALL_REFUSED.has(name)) expect(killed.reemitted).toBe(0);
      else expect(Math.min(killed.reached, killed.reemitted)).toBeGreaterThanOrEqual(1);

      for (const policy of ['redirect', 'discard']) {
        const control = kept(await killAt(killed.fraction, grid, name, ['--policy', `AB=${policy}`]));
        const { frames } = control.report;
        const more = (why: string): number => (frames.dropped[why] ?? 0) - (untroubled.report.frames.dropped[why] ?? 0);
        expect(frames.in - frames.out).toBe(droppedIn(control));
        expect(brokenIn(control)).toEqual([]);
        expect(control.report.invariants.conservation).toBe('held');
        if (!ALL_REFUSED.has(name)) expect(untroubled.report.frames.out - frames.out).toBeGreaterThan(0);
        if (policy === 'redirect') expect(more('not-begun') > 0).toBe(!NEEDS_NO_STATE.has(name));
      }
    });
  });

  describe('FG-220: source NAT keeps the address and port of every flow', () => {
    const translatedOver: string[] = [];

    it.each(killable)('%s', async (name) => {
      const grid = figureFourVariant(dir, 'nat', NAT);
      const untroubled = kept(await runUp(grid, join(TRACES, name)));
      const killed = kept(await killUnderTraffic(grid, name));
      expect(untroubled.report.frames.in - untroubled.report.frames.out).toBe(droppedIn(untroubled));
      expect(brokenIn(killed)).toEqual([]);
      expect(killed.report.failures[0]!.takenOver).toBeGreaterThanOrEqual(1);
      expect(Math.min(killed.reached, killed.reemitted)).toBeGreaterThanOrEqual(1);
      const threaded = kept(await killAt(killed.fraction, grid, name, withWorkers(name, 1)));
      expect(brokenIn(threaded)).toEqual([]);
      const over = [killed, threaded].map((run) => keptTranslations(untroubled, run, name));
      if (over.every((flows) => flows > 0)) translatedOver.push(name);
    });

    it('flows went on over the kill in many captures', () => {
      expect(translatedOver.length).toBeGreaterThanOrEqual(TRANSLATED_OVER_MIN);
    });
  });

  describe('FG-222, FG-223: a second kill, when the next backup is in step, loses nothing either', () => {
    it.each(killable)('%s', async (name) => {
      const grid = figureFourVariant(dir, 'strict-fast', STRICT, 2);
      const untroubled = kept(await runUp(grid, join(TRACES, name)));
      for (const [first, args] of [
        ['AB@0.3', []],
        ['AB@0.4', withWorkers(name, 1)],
      ] as const) {
        const kills = ['--kill', first, '--kill', 'AB@0.7', ...args];
        const killed = kept(await runUp(grid, join(TRACES, name), kills, true));
        expect(killed.report.failures.length).toBe(2);
        expect(brokenIn(killed)).toEqual([]);
        if (DIE_TOGETHER.has(name) && args.length > 0) expectOnlyReportedLosses(killed, untroubled);
        else expect(contentOf(killed)).toEqual(contentOf(untroubled));
        expect(reverseOrderOf(killed).wrong).toEqual([]);
      }
    });
  });
});

/** Expects nothing to leave that did not leave before, and to be missing what the deaths' own accounts say is lost. */
function expectOnlyReportedLosses(killed: UpRun, untroubled: UpRun): void {
  const lost = killed.report.failures.reduce((sum, { framesLost }) => sum + framesLost, 0);
  const left = contentOf(killed);
  expect(left.length + lost).toBe(untroubled.report.frames.out);
  expect(contentOf(untroubled)).toEqual(expect.arrayContaining(left));
}

/** What makes a run one with workers; the captures take turns, `next` shifts whose turn it is. */
function withWorkers(name: string, next = 0): readonly string[] {
  return WITH_WORKERS[(killable.indexOf(name) + next) % WITH_WORKERS.length]!;
}

/** Expects every flow to keep its translation over the kill; returns how many went on over it. */
function keptTranslations(untroubled: UpRun, killed: KilledRun, name: string): number {
  const { both, missing, extra } = compareTranslations(untroubled.out, killed.out);
  expect({ missing, extra }).toEqual({ missing: 0, extra: 0 });
  const { changed, over } = translationsOver(both, timeOfKill(killed, name));
  expect(changed).toEqual([]);
  return over;
}

/** Every frame that came before the kill had entered before this time, seconds since 1970. */
function timeOfKill({ report }: KilledRun, name: string): number {
  const before = readCaptureFile(join(TRACES, name)).frames.slice(0, report.failures[0]!.atFrame);
  return Math.max(...before.map(({ time }) => time));
}
