import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { availability } from '../../services/availability';
import { onPath, run } from '../../services/cache';
import type { Site } from '../../services/site';

/** Which way of a host's link is cut: what it receives, what it sends, or both. */
export type Direction = 'in' | 'out' | 'both';

/** A network host of its own: a namespace that is joined to all others by a router. */
export interface Host extends Site {
  readonly name: string;
}

/** Whether hosts can be made here: Linux, iproute2, and the right to make network namespaces. */
export const labAvailable = availability(() => {
  if (!onPath('ip')) throw new Error('network namespaces need iproute2: no ip on the PATH');
  const name = `flowgrid-probe-${process.pid}`;
  run('ip', ['netns', 'add', name]);
  run('ip', ['netns', 'delete', name]);
  return run('ip', ['-V']);
});

/**
 * Removes a lab when whoever made it is gone, however that ended: it waits for the end of a pipe. Every program in a
 * namespace is killed, or the namespace would live on with it.
 */
const JANITOR = `
cat >/dev/null
for name in "$@"; do
  ip netns pids "$name" | xargs -r kill -9
  ip netns delete "$name"
done
`;

/** Rules of the router stand before its routes, and before those of nobody else. */
const RULE_PRIORITY = '100';
/** Of 198.18.0.0/15, which is kept for tests of networks (RFC 2544). */
const NETWORKS = 512;

/**
 * Hosts in network namespaces, each with one link to a router, which a test reaches as one more host by the name `here`.
 * A cut is a rule of the router: what it concerns is dropped there without a word, as by a broken cable.
 */
export class LabNetwork {
  private readonly hosts = new Map<string, Host>();
  private readonly rules: string[][] = [];

  private constructor(
    private readonly id: string,
    private readonly number: number,
    private readonly janitor: ChildProcess,
  ) {}

  /** @throws Error when a namespace cannot be made. */
  static create(names: readonly string[]): LabNetwork {
    const number = unusedNumber();
    const id = `flowgrid-${process.pid}-${number}`;
    const spaces = [id, ...names.map((name) => `${id}-${name}`)];
    const janitor = spawn('sh', ['-c', JANITOR, 'janitor', ...spaces], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    const lab = new LabNetwork(id, number, janitor);
    lab.makeRouter();
    ['here', ...names].forEach((name, i) => lab.join(name, i + 1));
    return lab;
  }

  /** @throws Error for a name that the lab was not made with. */
  host(name: string): Host {
    const host = this.hosts.get(name);
    if (host === undefined) throw new Error(`no host ${name} in this lab`);
    return host;
  }

  /** Drops what goes to or comes from a host from now on: all of it, or what other hosts are the far end of. */
  cut(name: string, direction: Direction, others?: readonly string[]): void {
    const { address } = this.host(name);
    const far = others?.map((other) => this.host(other).address) ?? [undefined];
    for (const end of far) {
      if (direction !== 'out') this.drop(['to', address, ...(end === undefined ? [] : ['from', end])]);
      if (direction !== 'in') this.drop(['from', address, ...(end === undefined ? [] : ['to', end])]);
    }
  }

  /** Takes back every cut. */
  heal(): void {
    for (const rule of this.rules.splice(0)) this.inRouter('ip', 'rule', 'delete', ...rule);
  }

  /** Ends every program that still runs in it, and removes it. */
  async remove(): Promise<void> {
    const ended = once(this.janitor, 'close');
    this.janitor.stdin!.end();
    await ended;
  }

  private drop(selector: readonly string[]): void {
    const rule = ['priority', RULE_PRIORITY, ...selector, 'blackhole'];
    this.inRouter('ip', 'rule', 'add', ...rule);
    this.rules.push(rule);
  }

  private makeRouter(): void {
    run('ip', ['netns', 'add', this.id]);
    this.inRouter('ip', 'link', 'set', 'lo', 'up');
    this.inRouter('sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward');
  }

  /** Joins a host to the router by a pair of interfaces; every address is reached by the router, the host's own included. */
  private join(name: string, number: number): void {
    const [near, far] = [name === 'here' ? nearEnd(this.number) : 'eth0', `host${number}`];
    const prefix = `198.${18 + (this.number >>> 8)}.${this.number & 0xff}`;
    const router = `${prefix}.254`;
    const host: Host = { name, address: `${prefix}.${number}`, inside: this.startingIn(name) };
    if (name !== 'here') run('ip', ['netns', 'add', `${this.id}-${name}`]);
    const on = (...command: readonly string[]): string => run('ip', [...this.inside(name), ...command]);
    on('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', this.id);
    if (name !== 'here') on('link', 'set', 'lo', 'up');
    on('address', 'add', `${host.address}/32`, 'dev', near);
    on('link', 'set', near, 'up');
    this.inRouter('ip', 'address', 'add', `${router}/32`, 'dev', far);
    this.inRouter('ip', 'link', 'set', far, 'up');
    this.inRouter('ip', 'route', 'add', `${host.address}/32`, 'dev', far);
    on('route', 'add', `${router}/32`, 'dev', near);
    on('route', 'add', `${prefix}.0/24`, 'via', router, 'src', host.address);
    this.hosts.set(name, host);
  }

  private startingIn(name: string): Site['inside'] {
    return name === 'here' ? [] : ['ip', 'netns', 'exec', `${this.id}-${name}`];
  }

  private inside(name: string): readonly string[] {
    return name === 'here' ? [] : ['-n', `${this.id}-${name}`];
  }

  private inRouter(...command: readonly string[]): void {
    execFileSync('ip', ['netns', 'exec', this.id, ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

/** The interface by which this machine is one of the hosts. */
function nearEnd(number: number): string {
  return `flowgrid-${number}`;
}

/** One that no lab of this machine has now. */
function unusedNumber(): number {
  for (;;) {
    const number = randomInt(NETWORKS);
    if (!existsSync(`/sys/class/net/${nearEnd(number)}`)) return number;
  }
}
