import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint } from '../../../domain/base/endpoint';
import type { Micros } from '../../../domain/base/ids';
import { S_LEN, S_OFF, S_TO, SLOT_FRAME } from '../../../dataplane/frames/layout';
import { Outlet } from '../../../dataplane/packet-ports/outlet';
import { NodePeers, type Peers } from '../../../dataplane/packet-ports/udp/peers';
import { EXIT, type Io, type PlayOptions } from '../../../interface/cli/programs';
import { realTime } from '../agent/real-time';
import { captureSource, generatedSource, type FrameSource } from './frame-source';
import { Pacing, type Pace } from './pacing';
import { openAlone, type AlonePort } from './port-memory';

/** Frames that become due at once, at most, before the port has its turn. */
const BATCH = 64;
const WAIT_MS = 1;
/** Sides stand in the slots where the underlay has the next node, from this number on: 0 is nobody there. */
const SIDES = 1;

/** What was sent, as `--json` prints it. */
interface PlayReport {
  readonly frames: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly framesPerSecond: number;
  readonly unsendable: number;
  readonly dropped: { readonly [reason: string]: number };
}

/**
 * `flowgrid play`: sends the frames of a capture, or generated ones, to the UDP ports of external networks, when they are
 * due. Exit 0, or 130 when interrupted.
 *
 * @throws FlowgridError for a capture that cannot be read.
 */
export async function play(options: PlayOptions, io: Io): Promise<number> {
  const source = options.capture === undefined ? generatedSource(options.generated) : captureSource(options.capture);
  try {
    const port = await openAlone(anyAddress(options.to), sidePeers(options));
    try {
      const report = await new Player(options, source, port, io.interrupted).run();
      io.out(options.json ? JSON.stringify(report) : playText(report));
      return io.interrupted.aborted ? EXIT.interrupted : EXIT.ok;
    } finally {
      await port.port.close();
    }
  } finally {
    source.close();
  }
}

class Player {
  private readonly micros = realTime().micros;
  private readonly outlet: Outlet;
  private readonly pacing: Pacing;
  private readonly began: Micros;
  private given = 0;
  private isMore: boolean;

  constructor(
    pace: Pace,
    private readonly source: FrameSource,
    private readonly out: AlonePort,
    private readonly interrupted: AbortSignal,
  ) {
    this.outlet = new Outlet(out.arena, out.port);
    this.isMore = source.next();
    this.began = this.micros();
    this.pacing = new Pacing(pace, this.began);
  }

  /** Sends until the source has ended and the operating system has everything, or until interrupted. */
  async run(): Promise<PlayReport> {
    const { port } = this.out;
    while ((this.isMore || this.outlet.isBlocked || port.isSending) && !this.interrupted.aborted) {
      this.gather();
      const taken = this.outlet.flush();
      // A full batch may have another behind it; else nothing is due, or the port is busy.
      await delay(taken >= BATCH ? 0 : WAIT_MS);
    }
    const seconds = (this.micros() - this.began) / 1e6;
    const { framesOut, bytesOut, dropped } = port.statistics();
    const framesPerSecond = Math.round(framesOut / Math.max(seconds, 1e-6));
    const { unsendable } = this.source;
    return { frames: framesOut, bytes: bytesOut, seconds, framesPerSecond, unsendable, dropped };
  }

  /** Puts frames that are due behind those that wait, a batch at most. */
  private gather(): void {
    const { source, outlet } = this;
    const { arena, slots } = this.out;
    const now = this.micros();
    for (let n = 0; this.isMore && n < BATCH && outlet.room > 0; n++) {
      if (this.pacing.dueAt(this.given, source.time) > now) return;
      const slot = slots.allocate();
      if (slot < 0) return;
      const address = arena.slot(slot);
      arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
      arena.u32[(address + S_LEN) >>> 2] = source.write(arena.u8, address + SLOT_FRAME);
      arena.u16[(address + S_TO) >>> 1] = SIDES + source.side;
      outlet.add(slot);
      this.given++;
      this.isMore = source.next();
    }
  }
}

/** Whom the frames of either side go to. */
function sidePeers({ to, back = to }: PlayOptions): Peers {
  const peers = new NodePeers();
  peers.place(SIDES, to);
  peers.place(SIDES + 1, back);
  return peers;
}

/** What a socket binds to that sends there. */
function anyAddress({ host }: Endpoint): Endpoint {
  return { host: isIP(host) === 6 ? '::' : '0.0.0.0', port: 0 };
}

function playText({ frames, bytes, seconds, framesPerSecond, unsendable, dropped }: PlayReport): string {
  const lost = Object.entries({ ...dropped, ...(unsendable > 0 ? { unsendable } : {}) });
  const not = lost.length === 0 ? '' : `; not sent: ${lost.map(([why, n]) => `${n} ${why}`).join(', ')}`;
  return `${frames} frames, ${bytes} bytes in ${seconds.toFixed(1)} s (${framesPerSecond} frames/s)${not}`;
}
