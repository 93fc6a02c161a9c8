import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
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
/** A 64-byte number would not fit an interface's name. */
const NUMBERS = 100_000;

/** A cable: what is sent at one interface comes to the other. */
export class VethPair {
  private constructor(
    /** In the network of this process. */
    readonly here: string,
    readonly there: string,
    private readonly janitor: ChildProcess,
  ) {}

  /**
   * Makes it and sets both ends up; nothing of the host's own is sent by them.
   *
   * @param far the other end's name, and how commands are begun in its network namespace; absent: it is here, too
   */
  static create(mtu: number, far?: { readonly name: string; readonly inside: readonly string[] }): VethPair {
    const here = unusedName();
    const there = far?.name ?? `${here}x`;
    const inside = far?.inside ?? [];
    const janitor = spawn('sh', ['-c', JANITOR, 'janitor', here], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    const size = ['mtu', String(mtu)];
    run('ip', ['link', 'add', here, ...size, 'type', 'veth', 'peer', 'name', `${here}x`, ...size]);
    if (far !== undefined) {
      // `ip netns exec NAME`
      run('ip', ['link', 'set', `${here}x`, 'name', there, 'netns', inside[3]!]);
    }
    quieten(here);
    const within = (command: string): void =>
      void run('sh', ['-c', `exec "$@" sh -c '${command}'`, 'sh', ...(inside.length === 0 ? ['env'] : inside)]);
    within(`echo 1 >/proc/sys/net/ipv6/conf/${there}/disable_ipv6`);
    run('ip', ['link', 'set', here, 'up']);
    within(`ip link set ${there} up`);
    return new VethPair(here, there, janitor);
  }

  async remove(): Promise<void> {
    const ended = once(this.janitor, 'close');
    this.janitor.stdin!.end();
    await ended;
  }
}

function quieten(name: string): void {
  writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');
}

function unusedName(): string {
  for (;;) {
    const name = `fgv${randomInt(NUMBERS)}`;
    if (!existsSync(`/sys/class/net/${name}`)) return name;
  }
}
