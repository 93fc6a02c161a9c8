import { Option, type Command } from 'commander';
import { FlowgridError } from '../../domain/base/errors';
import { RING_BYTES_DEFAULT, RING_BYTES_MAX, RING_BYTES_MIN } from '../../domain/probe/events';
import { commonOf, withAccess, withCommon, type Finish } from './command';
import type { CommonOptions, Io, MnodeAccess, ProbeOptions, Programs } from './programs';
import { parseInteger, parsePositive } from './values';

const KIB = 1024;
/** What Linux takes, and once `%d` for a number. */
const INTERFACE_NAME = /^(?=[!-~]{1,15}$)(?!\.{1,2}$)[^/:%]*(%d)?[^/:%]*$/;
const HOURS_DEFAULT = 24;
const HOURS_MAX = 24 * 366;

interface KeyFlags extends CommonOptions {
  readonly key?: string;
}

interface CaptureFlags extends KeyFlags, MnodeAccess {
  readonly write?: string;
  readonly interface?: string;
  readonly raw: boolean;
  readonly filter?: string;
  readonly ring: number;
  readonly frames?: number;
  readonly seconds?: number;
  readonly token?: string;
  readonly tokenFile?: string;
}

/** `probe`: captures on links and interfaces of a running grid. */
export function addProbeCommand(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const probe = withAccess(
    withKey(
      root
        .command('probe')
        .description('capture frames on links and interfaces of a running grid, for Wireshark, tshark or a file')
        .argument(
          '[points...]',
          'where: VN-2 a link, AB-2@VN-2 an interface, AB-2 all of a node, AB what goes in and out of a cluster, EN-1 of a network',
        ),
    ),
  )
    .option('--write <file>', 'write pcapng, an interface for each point; a named pipe, or - for stdout, will do')
    .option(
      '--interface <name>',
      'make a network interface that shows the frames, for tcpdump -i and the like; fgprobe%d: one for each point',
      parseInterfaceName,
    )
    .option('--raw', 'frames as they are on links, with descriptors; default: as applications see them', false)
    .option('--filter <expression>', 'only these frames, as pcap-filter has it: tcp port 80 and host 192.0.2.11')
    .option(
      '--ring <kib>',
      'room for frames at each point until they are read',
      (text) => parseInteger('--ring', text, RING_BYTES_MIN / KIB, RING_BYTES_MAX / KIB),
      RING_BYTES_DEFAULT / KIB,
    )
    .option('--frames <n>', 'end after so many', (text) => parseInteger('--frames', text, 1, Number.MAX_SAFE_INTEGER))
    .option('--seconds <n>', 'end after so many', (text) => parsePositive('--seconds', text))
    .addOption(new Option('--token <token>', 'lets you attach probes without the key').env('FLOWGRID_PROBE_TOKEN'))
    .option('--token-file <file>', 'file that holds the token')
    .action(async (points: string[], flags: CaptureFlags) => {
      finish(await programs.probe(captureOptions(points, flags), io));
    });
  withCommon(probe, [
    ['probe AB --write - | wireshark -k -i -', 'what goes in and out of cluster AB, in Wireshark as it happens'],
    [
      'probe VN-2 --raw --write - | tshark -X lua_script:interface/wireshark/flowgrid.lua -r -',
      'a link with its descriptors, on a terminal',
    ],
    ['probe AB --interface fgprobe0', 'as a network interface, while it runs: tcpdump -i fgprobe0'],
    [`probe AB-2@VN-2 --filter 'tcp port 80' --frames 10`, 'ten frames at one interface, a line each'],
    ['probe EN-1 EN-4', 'what enters and leaves the grid, and where'],
    ['probe AB --raw --seconds 60 --write ab.pcapng --json', 'a minute in a file; then counts, as one JSON document'],
  ]);
  addJoin(probe, programs, io, finish);
  addToken(probe, programs, io, finish);
}

function captureOptions(points: readonly string[], flags: CaptureFlags): ProbeOptions {
  const { write, raw, filter, ring, frames, seconds, json, interface: shownOn } = flags;
  if (points.length === 0) {
    throw new FlowgridError('usage', 'capture where?', {
      remedy:
        "name a link, an interface, a node, a cluster or a network: flowgrid probe AB; 'flowgrid link list' tells the links",
    });
  }
  if (json && write === '-') {
    throw new FlowgridError('usage', '--json and --write - both want stdout', { remedy: 'write to a file or a pipe' });
  }
  return {
    ...keyOf(flags),
    ...accessOf(flags),
    ...(flags.token === undefined ? {} : { token: flags.token }),
    ...(flags.tokenFile === undefined ? {} : { tokenFile: flags.tokenFile }),
    act: {
      kind: 'capture',
      points,
      raw,
      ringBytes: ring * KIB,
      ...(write === undefined ? {} : { write }),
      ...(shownOn === undefined ? {} : { interface: shownOn }),
      ...(filter === undefined ? {} : { filter }),
      ...(frames === undefined ? {} : { frames }),
      ...(seconds === undefined ? {} : { seconds }),
    },
  };
}

/** @throws FlowgridError `usage` for what Linux takes for no name of an interface. */
function parseInterfaceName(text: string): string {
  if (INTERFACE_NAME.test(text)) return text;
  throw new FlowgridError('usage', `--interface ${text}: no name of a network interface`, {
    remedy: 'give 1 to 15 characters without spaces, / and :, as fgprobe0',
  });
}

function addJoin(probe: Command, programs: Programs, io: Io, finish: Finish): void {
  const join = probe
    .command('join')
    .description('find each frame in raw captures of several points, by its flow, and say what each hop took')
    .argument('<captures...>', 'what probe --raw wrote, one file or several')
    .option('--write <file>', 'all frames in one file (pcapng): comments say how long before each was seen elsewhere')
    .action(async (captures: string[], flags: CommonOptions & { readonly write?: string }) => {
      const { write } = flags;
      const act = { kind: 'join', captures, ...(write === undefined ? {} : { write }) } as const;
      finish(await programs.probe({ ...commonOf(flags), act }, io));
    });
  withCommon(join, [
    ['probe join ab.pcapng', 'what AB took, and the links to it, in a capture of all that goes in and out'],
    [
      'probe join way.pcapng --write joined.pcapng',
      'of probe EN-1 IA AB AC IC EN-4: the whole way between two networks',
    ],
    ['probe join in.pcapng out.pcapng --write joined.pcapng --json', 'of two captures; one JSON document'],
  ]);
}

function addToken(probe: Command, programs: Programs, io: Io, finish: Finish): void {
  const token = withKey(
    probe
      .command('token')
      .description("print a token that lets somebody attach probes; takes the grid's key")
      .argument('<name>', 'who it is for: the log names them'),
  )
    .option('--hours <n>', 'how long it is valid', (text) => parseInteger('--hours', text, 1, HOURS_MAX), HOURS_DEFAULT)
    .action(async (name: string, flags: KeyFlags & { readonly hours: number }) => {
      finish(await programs.probe({ ...keyOf(flags), act: { kind: 'token', name, hours: flags.hours } }, io));
    });
  withCommon(token, [
    ['probe token alice > alice.token', 'for a day'],
    ['probe token monitoring --hours 720 --key .flowgrid/grid.key', 'for a month'],
  ]);
}

function withKey(command: Command): Command {
  return command.option('--key <file>', "the grid's secret; default: <data>/grid.key");
}

function keyOf(flags: KeyFlags): CommonOptions & Pick<ProbeOptions, 'key'> {
  return { ...commonOf(flags), ...(flags.key === undefined ? {} : { key: flags.key }) };
}

function accessOf({ grid, nats }: MnodeAccess): MnodeAccess {
  return { ...(grid === undefined ? {} : { grid }), ...(nats === undefined ? {} : { nats }) };
}
