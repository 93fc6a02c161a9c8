import { CONSUME, FORWARD, type FrameView, type FunctionDefinition } from '../../../../dataplane/functions/index';
import { numbered, numberIn, SYN, tcp, udp } from './frames';

/** Where the function asks, and the port that it asks from for a client's port. */
export const ORACLE = '10.9.0.53';
export const ORACLE_PORT = 5353;
export const askedFrom = (port: number): number => port + 10_000;

/** Client ports lie between 0 and twice this: other askers' answers are not this one's. */
const SPAN = 4999;

/**
 * For each frame to `port` it asks an oracle beyond the grid, in the client's name, by a flow of its own for each client port
 * (moved by `offset`), and lets the frame go on, or `consumes` it; it keeps what the oracle says, and counts it, or lets it go
 * on (`returns`). `tcp`: it asks by a SYN.
 */
export const definition: FunctionDefinition = {
  name: 'asker',
  summary: 'asks an oracle about every request',
  create: (config, { emitter }) => {
    const stateKind = config.oneOf('stateKind', ['stateless', 'exported'] as const, 'stateless');
    const direction = config.oneOf('direction', ['onward', 'back'] as const, 'onward');
    const consumes = config.boolean('consumes', false);
    const returns = config.boolean('returns', false);
    const port = config.integer('port', 1, 65535, 80);
    const offset = config.integer('offset', 0, 60_000, askedFrom(0));
    const isTcp = config.boolean('tcp', false);
    const ends = (frame: FrameView) => ({
      from: '10.0.0.1',
      to: ORACLE,
      fromPort: frame.sourcePort + offset,
      toPort: ORACLE_PORT,
    });
    let answers = 0;
    return {
      stateKind,
      reads: 'headers',
      emits: 'mapped',
      dropReasons: [],
      process(frame) {
        if (frame.sourcePort === ORACLE_PORT && Math.abs(frame.destinationPort - offset - SPAN) <= SPAN) {
          answers++;
          return returns ? FORWARD : CONSUME;
        }
        if (frame.destinationPort !== port) return FORWARD;
        const question = isTcp
          ? tcp({ ...ends(frame), flags: SYN, payload: new Uint8Array(0) })
          : udp({ ...ends(frame), payload: numbered(1000 + numberIn(frame.bytes.subarray(frame.offset))) });
        const made = emitter.create(question.length);
        made?.bytes.set(question, made.offset);
        emitter.sendMapped(direction);
        return consumes ? CONSUME : FORWARD;
      },
      counted: () => ({ answers }),
    };
  },
};
