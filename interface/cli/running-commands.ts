import { Option, type Command } from 'commander';
import { commonOf, serversOf, withCommon, type Finish } from './command';
import type {
  CommonOptions,
  Io,
  NodeAtFraction,
  PolicyOverride,
  Programs,
  ScaleAtFraction,
  UpOptions,
} from './programs';
import { parseIdle, parseNodeAtFraction, parsePolicy, parseScale, parseSeed, parseSpeed, parseWorkers } from './values';

/** `up`, `classify`, `validate`: the commands that work on a grid file or a capture. */
export function addRunningCommands(root: Command, programs: Programs, io: Io, finish: Finish): void {
  addUp(root, programs, io, finish);
  addClassify(root, programs, io, finish);
  addValidate(root, programs, io, finish);
}

/** What commander collects for `up`: lists for options that may be repeated. */
interface UpFlags extends CommonOptions {
  readonly capture?: string;
  readonly speed: number | 'max';
  readonly once: boolean;
  readonly loop: boolean;
  readonly report?: string;
  readonly kill: NodeAtFraction[];
  readonly revive: NodeAtFraction[];
  readonly scale: ScaleAtFraction[];
  readonly policy: PolicyOverride[];
  readonly selection?: 'centralized' | 'distributed';
  readonly seed?: number;
  readonly workers: number;
  readonly out?: string;
  readonly internalOut?: string;
  readonly internalComments: boolean;
  readonly receipts?: string;
  readonly key?: string;
  readonly nats?: string;
}

/** Files of a clone, so that examples can be pasted. */
const GRID = 'examples/figure-4.yaml';
const CAPTURE = 'examples/captures/mixed.pcap';

function addUp(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const up = root
    .command('up')
    .description('run a grid, and feed it a capture')
    .argument('<grid>', 'grid file (YAML)')
    .option('--capture <file>', 'capture to feed in (pcap, pcapng); default: the one that the grid file names')
    .option('--speed <times>', "times the capture's own speed, or max", (text) => parseSpeed('--speed', text), 1)
    .option('--once', 'end with a report after the capture; exit 4 if an invariant was broken', false)
    .addOption(
      new Option('--loop', 'feed the capture again and again; what --kill and the like ask for happens the first time')
        .default(false)
        .conflicts('once'),
    )
    .option('--report <file>', 'write the report as JSON');
  repeatable(
    up,
    '--kill <node@fraction>',
    'kill a node, or the busiest one of a cluster, when this share (0–1) of the frames is in',
    parseNodeAtFraction,
  );
  repeatable(up, '--revive <node@fraction>', 'bring a killed node back, as a new incarnation', parseNodeAtFraction);
  repeatable(up, '--scale <cluster=n@fraction>', 'bring a cluster to n active nodes', parseScale);
  repeatable(up, '--policy <cluster=policy>', 'failure policy: discard, redirect or backup', parsePolicy);
  up.addOption(new Option('--selection <mode>', 'who selects next hops').choices(['centralized', 'distributed']))
    .option('--seed <n>', 'seed of hashes and random choices', (text) => parseSeed('--seed', text))
    .option('--workers <n>', 'worker threads that host the nodes', (text) => parseWorkers('--workers', text), 1)
    .option('--out <file>', 'write each frame that leaves the grid (pcapng, an interface per external network)')
    .option('--internal-out <file>', 'write each frame on an internal link (pcapng, an interface per link)')
    .option('--internal-comments', 'with --internal-out: what each descriptor says, as a comment on the packet', false)
    .option('--receipts <file>', 'add a JSON line for each append to the log: when it begins, when it is acknowledged')
    .option('--key <file>', "the grid's secret, 32 bytes in hex; default: <data>/grid.key, made on first start")
    .option('--nats <servers>', 'tell statistics and flows on this control bus (host:port,…)', serversOf('--nats'))
    .action(async (grid: string, flags: UpFlags) => finish(await programs.up(upOptions(grid, flags), io)));
  withCommon(up, [
    [`up ${GRID} --capture ${CAPTURE}`, 'a live status; stays up and says what to try next'],
    [
      `up ${GRID} --capture ${CAPTURE} --speed max --once --report report.json`,
      'run the capture once, judge it, end: what a script wants',
    ],
    [
      `up ${GRID} --capture ${CAPTURE} --once --speed 10 --kill AB@0.4 --scale AB=4@0.7`,
      'kill the busiest node of AB after 40 % of the frames, let a spare join after 70 %',
    ],
    [
      `up ${GRID} --capture ${CAPTURE} --once --speed max --policy AB=redirect --kill AB-2@0.5 --revive AB-2@0.8`,
      'the same traffic without backups: kill AB-2 at half, bring it back later',
    ],
    [`up ${GRID} --capture ${CAPTURE} --once --speed max --out left.pcapng`, 'keep what left the grid'],
  ]);
}

function upOptions(grid: string, flags: UpFlags): UpOptions {
  const { kill, revive, scale, policy, ...same } = flags;
  return { ...same, grid, kills: kill, revives: revive, scales: scale, policies: policy };
}

function repeatable<Value>(
  command: Command,
  flags: string,
  description: string,
  parse: (option: string, text: string) => Value,
): void {
  const name = flags.split(' ')[0]!;
  const collect = (text: string, before: Value[]): Value[] => [...before, parse(name, text)];
  command.option<Value[]>(flags, `${description} (repeatable)`, collect, []);
}

function addClassify(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const classify = root
    .command('classify')
    .description('list the connections in captures, and the flows they belong to')
    .argument('<capture...>', 'captures (pcap, pcapng)')
    .option('--idle <seconds>', 'seconds of silence that end a connection, or none; default: by protocol', (text) =>
      parseIdle('--idle', text),
    )
    .action(async (captures: string[], flags: CommonOptions & { idle?: number | 'none' }) => {
      const idle = flags.idle === undefined ? {} : { idle: flags.idle };
      finish(await programs.classify({ ...commonOf(flags), captures, ...idle }, io));
    });
  withCommon(classify, [
    ['classify examples/captures/web.pcap', 'one line per connection, then a summary'],
    ['classify --json --idle none examples/captures/ftp.pcap', 'JSON lines; silence ends nothing'],
  ]);
}

function addValidate(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const validate = root
    .command('validate')
    .description('check a grid file; exit 4 with every problem, its line and its remedy')
    .argument('<grid>', 'grid file (YAML)')
    .action(async (grid: string, flags: CommonOptions) =>
      finish(await programs.validate({ ...commonOf(flags), grid }, io)),
    );
  withCommon(validate, [['validate examples/figure-4.yaml', 'say whether the grid can run']]);
}
