import { verifyLog, type Finding } from '../../adapters/log/verify';
import type { LmdbLog } from '../../adapters/log/lmdb';
import { FlowgridError } from '../../domain/base/errors';
import type { Micros } from '../../domain/base/ids';
import { EXIT, type AuditOptions, type Io } from '../../interface/cli/programs';
import { flowText, historyText, stateText } from '../../interface/cli/text';
import {
  flowName,
  keyText,
  momentOf,
  routeAt,
  storyOf,
  viewOf,
  type AuditTrail,
  type FlowRecord,
  type StoryLine,
} from '../../projections';
import { gridAt, readStory, withLog } from './log-reading';

/**
 * `flowgrid audit`: the state as it is or was, the story of a flow, the history, or whether the log is intact.
 *
 * @throws FlowgridError `not-found` for a directory without a log, and for a flow that the log does not know.
 */
export async function audit(options: AuditOptions, io: Io): Promise<number> {
  return withLog(options.data, (log) => {
    switch (options.action) {
      case 'state':
        return auditState(log, options, io);
      case 'flow':
        return auditFlow(log, options, io);
      case 'history':
        return auditHistory(log, options, io);
      case 'verify':
        return auditVerify(log, options, io);
    }
  });
}

async function auditState(log: LmdbLog, { at, json, data }: AuditOptions, io: Io): Promise<number> {
  const view = viewOf(await gridAt(log, at, data));
  if (json) io.out(JSON.stringify(view));
  else for (const line of stateText(view)) io.out(line);
  return EXIT.ok;
}

async function auditFlow(log: LmdbLog, { flow = 0, at, json, data }: AuditOptions, io: Io): Promise<number> {
  const { commits, trail, flows } = await readStory(log);
  const moment = momentOf(at, commits);
  const until = moment.at === Infinity ? Infinity : moment.at * 1_000 + 999;
  const records = flows.find(flow).filter((record) => (record.started?.at ?? 0) <= until);
  if (records.length === 0) {
    throw new FlowgridError(
      'not-found',
      `${data}: no flow ${flowName(flow)} in the log${at === undefined ? '' : ' by then'}`,
      {
        remedy: "'flowgrid trace' finds a flow by its connection; 'flowgrid log' shows what there is",
      },
    );
  }
  const lives = records.map((record) => {
    const { primary, secondary } = flows.relativesOf(record);
    const begun = secondary.filter(({ started }) => started === undefined || started.at <= until);
    const relatives = [...(primary === undefined ? [] : [primary]), ...begun];
    return {
      life: lifeOf(record, trail, until),
      relatives: relatives.map((relative) => lifeOf(relative, trail, until)),
    };
  });
  if (json) {
    const shown = lives.map(({ life: { flow: _, ...life }, relatives }) => ({
      ...life,
      ...(relatives.length > 0 ? { relatives } : {}),
    }));
    io.out(JSON.stringify({ flow: flowName(flow), lives: shown }));
  } else {
    for (const { life, relatives } of lives) for (const each of [life, ...relatives]) printLife(each, io);
  }
  return EXIT.ok;
}

/** One life of a flow, as far as it had come. */
interface ShownLife {
  readonly flow: string;
  readonly key: string;
  readonly route: readonly { readonly node: string; readonly backup: string | null }[];
  readonly story: readonly StoryLine[];
}

function lifeOf(record: FlowRecord, trail: AuditTrail, until: Micros): ShownLife {
  const route = routeAt(record, until).map(({ node, backup }) => ({
    node: trail.names.node(node),
    backup: backup === 0 ? null : trail.names.node(backup),
  }));
  const story = storyOf(record, trail).filter((line) => line.at <= until);
  return { flow: flowName(record.flow), key: keyText(record), route, story };
}

function printLife(life: ShownLife, io: Io): void {
  for (const line of flowText(life)) io.out(line);
  io.out(`  route: ${life.route.map(({ node }) => node).join(' > ')}`);
}

async function auditHistory(log: LmdbLog, { at, since, until, json }: AuditOptions, io: Io): Promise<number> {
  const { commits, trail } = await readStory(log);
  for (const entry of trail.history(since, momentOf(until ?? at, commits))) {
    if (json) io.out(JSON.stringify(entry));
    else for (const line of historyText(entry)) io.out(line);
  }
  return EXIT.ok;
}

async function auditVerify(log: LmdbLog, { json, data }: AuditOptions, io: Io): Promise<number> {
  const { findings, trimmed, commits, chains, batches } = await verifyLog(log.raw());
  for (const finding of findings) io.out(json ? JSON.stringify(finding) : findingText(finding));
  for (const { chain, from, through } of trimmed)
    io.err(`trimmed: batches ${from} to ${through} of ${chain}, as anchored`);
  const looked = `${commits} commits, ${batches} batches in ${chains} flow chains`;
  const said = findings.length === 0 ? 'intact' : `${findings.length} findings`;
  (json ? io.err : io.out)(`${data}: ${looked}: ${said}`);
  return findings.length === 0 ? EXIT.ok : EXIT.findings;
}

function findingText({ chain, seq, through, reason }: Finding): string {
  const where = chain === 'topology' ? 'commit' : `chain ${chain}, batch`;
  return `${where} ${seq}${through === undefined ? '' : ` to ${through}`}: ${reason}`;
}
