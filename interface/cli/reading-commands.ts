import { Argument, type Command } from 'commander';
import { FlowgridError } from '../../domain/base/errors';
import { commonOf, withCommon, withInstant, withSpan, type Finish } from './command';
import type { AuditOptions, CommonOptions, Io, LogOptions, Programs } from './programs';
import { parseSubject } from './subject';
import { parseFlowId, parseInteger } from './values';
import type { When } from './when';

/** Commits that `log tail` shows unless told otherwise, and at most. */
const TAIL_LINES = 20;
const TAIL_LINES_MAX = 1_000_000;

interface Span {
  readonly since?: When;
  readonly until?: When;
}

/** `trace`, `audit`, `log`, `check`: the commands that read what a grid recorded, also while it runs. */
export function addReadingCommands(root: Command, programs: Programs, io: Io, finish: Finish): void {
  addTrace(root, programs, io, finish);
  addAudit(root, programs, io, finish);
  addLog(root, programs, io, finish);
  addCheck(root, programs, io, finish);
}

function addTrace(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const trace = root
    .command('trace')
    .description('say which nodes a flow goes, went or would go through, and which event decided each')
    .argument('<subject...>', 'flow ID, capture:frame, or protocol and both ends')
    .option('--grid <file>', 'where it would go if it began in the grid as this changed file describes it');
  withInstant(trace).action(async (words: string[], flags: CommonOptions & { at?: When; grid?: string }) =>
    finish(
      await programs.trace({ ...commonOf(flags), ...given(flags, ['at', 'grid']), subject: parseSubject(words) }, io),
    ),
  );
  withCommon(trace, [
    ['trace 0x01abcdef', 'a flow by its ID'],
    ['trace tcp 10.0.0.1:40312 10.0.0.2:80 --at +12.5s', 'a connection, as it was 12.5 s into the run'],
    ['trace examples/captures/mixed.pcap:1200', "the flow of a capture's frame 1200 (from 0)"],
    ['trace udp 10.0.0.1:4000 10.0.0.2:53 --grid changed.yaml', 'what a changed grid file would do with it'],
  ]);
}

function addAudit(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const audit = root
    .command('audit')
    .description('the state as it is or was, the story of a flow, what changed, or whether the log is intact')
    .addArgument(
      new Argument('[what]', 'what to show').choices(['state', 'flow', 'history', 'verify']).default('state'),
    )
    .argument('[id]', 'flow ID, for flow');
  withSpan(withInstant(audit)).action(
    async (what: AuditOptions['action'], id: string | undefined, flags: CommonOptions & Span & { at?: When }) =>
      finish(await programs.audit(auditOptions(what, id, flags), io)),
  );
  withCommon(audit, [
    ['audit', 'clusters, nodes, links and topology as they are'],
    ['audit state --at 42', 'the same as of commit 42'],
    ['audit flow 0x01abcdef', 'every node the flow went through, and why'],
    ['audit history --since +10s --until +20s', 'what changed in these ten seconds, with causes'],
    ['audit verify', 'exit 4 and {chain, seq, reason} for each record that was tampered with'],
  ]);
}

function auditOptions(
  action: AuditOptions['action'],
  id: string | undefined,
  flags: CommonOptions & Span & { at?: When },
): AuditOptions {
  if (action === 'flow' && id === undefined) {
    throw new FlowgridError('usage', "'audit flow' needs a flow ID", {
      remedy: 'for example flowgrid audit flow 0x01abcdef',
    });
  }
  if (action !== 'flow' && id !== undefined) {
    throw new FlowgridError('usage', `'audit ${action}' takes no '${id}'`, { remedy: `flowgrid audit ${action}` });
  }
  const flow = id === undefined ? {} : { flow: parseFlowId(id) };
  return { ...commonOf(flags), ...given(flags, ['at', 'since', 'until']), action, ...flow };
}

function addLog(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const log = root
    .command('log')
    .description('the newest commits of the event log, or all of them')
    .addArgument(new Argument('[what]', 'what to print').choices(['tail', 'dump']).default('tail'))
    .option('--follow', 'stay, and print what is appended', false)
    .option(
      '--lines <n>',
      'for tail: how many commits',
      (text) => parseInteger('--lines', text, 1, TAIL_LINES_MAX),
      TAIL_LINES,
    );
  withSpan(log).action(
    async (action: LogOptions['action'], flags: CommonOptions & Span & { follow: boolean; lines: number }) => {
      const { follow, lines } = flags;
      const options = { ...commonOf(flags), ...given(flags, ['since', 'until']), action, follow, lines };
      finish(await programs.log(options, io));
    },
  );
  withCommon(log, [
    ['log', `the newest ${TAIL_LINES} commits`],
    ['log tail --follow', 'and each new one as it comes'],
    ['log dump --json --since 100', 'commits from 100 on, one JSON line each'],
  ]);
}

function addCheck(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const check = root
    .command('check')
    .description('whether the invariants hold; exit 4 if one is broken')
    .action(async (flags: CommonOptions) => finish(await programs.check(commonOf(flags), io)));
  withCommon(check, [['check', 'asks the running grid, or judges what the log shows']]);
}

/** The named options that were given, so that absent ones stay absent. */
function given<Flags extends object, Name extends keyof Flags>(
  flags: Flags,
  names: readonly Name[],
): Pick<Flags, Name> {
  const present = names.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]);
  return Object.fromEntries(present) as Pick<Flags, Name>;
}
