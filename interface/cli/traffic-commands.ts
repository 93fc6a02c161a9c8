import { Option, type Command } from 'commander';
import { commonOf, withCommon, type Finish } from './command';
import { parseAddress, parseListen } from './endpoint-values';
import type { CommonOptions, Io, PlayOptions, Programs, RecordOptions } from './programs';
import { parseInteger, parsePositive, parseSeed, parseSpeed } from './values';

const PAYLOAD_MAX = 1_460;
const CAPTURE = 'examples/captures/web.pcap';

/** `play`, `record`: traffic for a grid whose networks are attached by UDP, and what comes out of it. */
export function addTrafficCommands(root: Command, programs: Programs, io: Io, finish: Finish): void {
  addPlay(root, programs, io, finish);
  addRecord(root, programs, io, finish);
}

interface PlayFlags extends CommonOptions {
  readonly to: PlayOptions['to'];
  readonly back?: PlayOptions['to'];
  readonly speed: number | 'max';
  readonly rate?: number;
  readonly flows: number;
  readonly for: number;
  readonly payload: number;
  readonly seed: number;
}

function addPlay(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const play = root
    .command('play')
    .description("send a capture, or generated flows, to the UDP ports of a grid's networks in real time")
    .argument('[capture]', 'capture to send (pcap, pcapng); without it flows are generated')
    .requiredOption('--to <host:port>', 'where frames go that those send who begin flows', (text) =>
      parseAddress('--to', text),
    )
    .option('--back <host:port>', "where the others' frames go; default: there too", (text) =>
      parseAddress('--back', text),
    )
    .option('--speed <times>', "times the capture's own speed, or max", (text) => parseSpeed('--speed', text), 1)
    .addOption(
      new Option('--rate <frames>', 'frames a second, evenly, instead of by their times')
        .argParser((text) => parsePositive('--rate', text))
        .conflicts('speed'),
    )
    .option('--flows <n>', 'generated: new flows a second', (text) => parsePositive('--flows', text), 100)
    .option('--for <seconds>', 'generated: for how long flows begin', (text) => parsePositive('--for', text), 10)
    .option(
      '--payload <bytes>',
      'generated: payload of a data frame',
      (text) => parseInteger('--payload', text, 8, PAYLOAD_MAX),
      256,
    )
    .option('--seed <n>', 'generated: the same seed gives the same frames', (text) => parseSeed('--seed', text), 1)
    .action(async (capture: string | undefined, flags: PlayFlags) =>
      finish(await programs.play(playOptions(capture, flags), io)),
    );
  withCommon(play, [
    [
      `play ${CAPTURE} --to 127.0.0.1:6001 --back 127.0.0.1:6004`,
      "clients' frames to one network, servers' to another",
    ],
    ['play --flows 500 --for 60 --to 127.0.0.1:6001', 'generated flows for a minute'],
  ]);
}

function playOptions(capture: string | undefined, flags: PlayFlags): PlayOptions {
  const { to, back, speed, rate, flows, payload, seed } = flags;
  return {
    ...commonOf(flags),
    ...(capture === undefined ? {} : { capture }),
    generated: { flowsPerSecond: flows, seconds: flags.for, payload, seed },
    to,
    speed,
    ...(back === undefined ? {} : { back }),
    ...(rate === undefined ? {} : { rate }),
  };
}

interface RecordFlags extends CommonOptions {
  readonly from: RecordOptions['from'];
  readonly for?: number;
  readonly silence?: number;
}

function addRecord(root: Command, programs: Programs, io: Io, finish: Finish): void {
  const record = root
    .command('record')
    .description('take what a grid sends to a UDP port; tells the longest gap and what came twice')
    .argument('[file]', 'file to write (pcapng); without it frames are only counted')
    .requiredOption('--from <port>', 'UDP port, or host:port, where the frames arrive', (text) =>
      parseListen('--from', text),
    )
    .option('--for <seconds>', 'end after so long; default: when interrupted', (text) => parsePositive('--for', text))
    .option('--silence <seconds>', 'end when nothing has come for so long, once something has', (text) =>
      parsePositive('--silence', text),
    )
    .action(async (file: string | undefined, flags: RecordFlags) =>
      finish(await programs.record(recordOptions(file, flags), io)),
    );
  withCommon(record, [
    ['record out.pcapng --from 7004', 'record until Ctrl-C'],
    ['record --from 7004 --silence 5 --json', 'only count, and end when the traffic has'],
  ]);
}

function recordOptions(file: string | undefined, flags: RecordFlags): RecordOptions {
  const { from, silence } = flags;
  return {
    ...commonOf(flags),
    from,
    ...(file === undefined ? {} : { file }),
    ...(flags.for === undefined ? {} : { seconds: flags.for }),
    ...(silence === undefined ? {} : { silence }),
  };
}
