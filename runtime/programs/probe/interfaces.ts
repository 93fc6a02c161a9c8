import { loadLibc, type Libc } from '../../../dataplane/packet-ports/linux/libc';
import { Tap } from '../../../dataplane/packet-ports/linux/tap';

/** Stands in a name for the first number that is free: then each point has an interface of its own. */
const NUMBER = '%d';

/** The network interfaces that show captured frames: they are there while this program holds them. */
export class ProbeInterfaces {
  private readonly taps: Tap[];
  private given = 0;

  private constructor(
    private readonly libc: Libc,
    private readonly name: string,
    first: Tap,
  ) {
    this.taps = [first];
  }

  /**
   * Makes the first: whether one can be had is known before anything is attached.
   *
   * @throws FlowgridError `unsupported` where this system has none, `usage` when the name is taken or without the right.
   */
  static async open(name: string): Promise<ProbeInterfaces> {
    const libc = await loadLibc('--interface');
    return new ProbeInterfaces(libc, name, Tap.open(libc, name));
  }

  /** The interface of the next point. @throws FlowgridError as {@link open}. */
  next(): Tap {
    const place = this.name.includes(NUMBER) ? this.given++ : 0;
    return (this.taps[place] ??= Tap.open(this.libc, this.name));
  }

  close(): void {
    for (const tap of this.taps) tap.close();
  }
}
