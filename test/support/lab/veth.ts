import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { availability } from '../../services/availability';
import { onPath, run } from '../../services/cache';

/** Whether pairs of interfaces can be made here: Linux, iproute2, and the right to. */
export const vethAvailable = availability(() => {
  if (!onPath('ip')) throw new Error('pairs of network interfaces need iproute2: no ip on the PATH');
  const name = `fgtry${process.pid % 100_000}`;
  run('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}x`]);
  run('ip', ['link', 'delete', name]);
  return run('ip', ['-V']);
});

/** Removes the pair when whoever made it is gone, however that ended: it waits for the end of a pipe. */
const JANITOR = 'cat >/dev/null; ip link delete "$1"';
/** Without IPv6 the host asks nobody for anything there. */
const UP = 'echo 1 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6"; ip link set "$1" up';
const NUMBERS = 100_000;

/** Until the kernel has heard of its carrier it takes what is sent, and drops it. */
const READY = 'until ip link show "$1" | grep -q "state UP"; do sleep 0.01; done';

/** An end in another network namespace. */
interface FarEnd {
  readonly name: string;
  readonly namespace: string;
}

/** A cable: what is sent at one interface comes to the other. */
export class VethPair {
  private constructor(
    /** In the network of this process. */
    readonly here: string,
    readonly there: string,
    private readonly janitor: ChildProcess,
    private readonly mtu: number,
    private readonly far?: FarEnd,
  ) {}

  /**
   * Makes it and sets both ends up; the host itself sends nothing by them.
   *
   * @param far the other end's name and network namespace; absent: it is here, too
   */
  static create(mtu: number, far?: FarEnd): VethPair {
    const here = unusedName();
    const there = far?.name ?? `${here}x`;
    const janitor = spawn('sh', ['-c', JANITOR, 'janitor', here], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    plug(here, there, mtu, far);
    return new VethPair(here, there, janitor, mtu, far);
  }

  /** Both interfaces go. */
  unplug(): void {
    run('ip', ['link', 'delete', this.here]);
  }

  /** Others of the same names come. */
  plug(): void {
    plug(this.here, this.there, this.mtu, this.far);
  }

  async remove(): Promise<void> {
    const ended = once(this.janitor, 'close');
    this.janitor.stdin!.end();
    await ended;
  }
}

function plug(here: string, there: string, mtu: number, far: FarEnd | undefined): void {
  const size = ['mtu', String(mtu)];
  const away = far === undefined ? [] : ['netns', far.namespace];
  run('ip', ['link', 'add', here, ...size, 'type', 'veth', 'peer', 'name', there, ...size, ...away]);
  const beyond = far === undefined ? [] : ['ip', 'netns', 'exec', far.namespace];
  for (const script of [UP, READY]) {
    run('sh', ['-c', script, 'sh', here]);
    run('env', [...beyond, 'sh', '-c', script, 'sh', there]);
  }
}

function unusedName(): string {
  for (;;) {
    const name = `fgv${randomInt(NUMBERS)}`;
    if (!existsSync(`/sys/class/net/${name}`)) return name;
  }
}
