import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { SwitchPort, SwitchSettings } from '../../../adapters/sim/vlan-switch';
import { availability } from '../../services/availability';
import { cached, onPath, run } from '../../services/cache';

const SERVER = join(__dirname, 'linux-bridge.py');
/** User-mode Linux runs on processors with more state than it knows only with this, and if nothing in it uses what is more. */
const WHOLE_XSTATE = join(__dirname, 'whole-xstate.c');
const KNOWN_STATE = 'GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW';
/** In a network namespace that goes away with the program. */
const ALONE = ['--net', '--'];
/** Ports that the bridge has. */
export const BRIDGE_PORTS = 6;

/**
 * Whether a Linux bridge with VLAN filtering can be had: of this kernel, or of one that runs as a program (user-mode
 * Linux), for kernels that were built without.
 */
export const linuxBridgeAvailable = availability(() => {
  for (const program of ['ip', 'bridge', 'python3', 'unshare']) {
    if (!onPath(program))
      throw new Error(`a Linux bridge needs iproute2, util-linux and Python: no ${program} on the PATH`);
  }
  if (kernelFilters()) return `Linux ${run('uname', ['-r'])}`;
  return `user-mode Linux ${run(userModeLinux().kernel, ['--version'])}`;
});

/** Ends what was started when whoever did so is gone, however that ended: it waits for the end of a pipe. */
const JANITOR = 'cat >/dev/null; kill -KILL -"$1"; rm -rf "$2"';

/** A real VLAN switch: a Linux bridge with an interface on the far end of each of its ports. */
export class LinuxBridge {
  private readonly answers: AsyncIterator<string>;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly server: ChildProcess,
    private readonly janitor: ChildProcess,
  ) {
    this.answers = createInterface({ input: server.stdout! })[Symbol.asyncIterator]();
  }

  /** @throws Error when there is none, see {@link linuxBridgeAvailable}. */
  static async start(): Promise<LinuxBridge> {
    const dir = mkdtempSync(join(tmpdir(), 'flowgrid-bridge-'));
    const { program, args, env } = bridgeCommand(dir);
    const options = { env: { ...process.env, ...env }, detached: true };
    const server = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'ignore'] });
    const janitor = spawn('sh', ['-c', JANITOR, 'janitor', String(server.pid), dir], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    const bridge = new LinuxBridge(server, janitor);
    try {
      await bridge.answer();
    } catch (error) {
      await bridge.stop();
      throw error;
    }
    return bridge;
  }

  /** Begins anew: ports as they are told, others in no VLAN, and no address known. */
  async begin(settings: SwitchSettings): Promise<void> {
    await this.ask({ bridge: settings });
  }

  async configure(port: number, settings: SwitchPort): Promise<void> {
    await this.ask({ configure: port, port: settings });
  }

  async send(port: number, frame: Uint8Array): Promise<void> {
    await this.ask({ send: port, frame: Buffer.from(frame).toString('hex') });
  }

  /** What left by each port since it was asked last, once all that was sent is through. */
  async collect(): Promise<string[][]> {
    return (await this.ask({ collect: true })).frames!;
  }

  /**
   * Begins anew with a bridge as Linux makes one, br0 with a device for each port, and runs a script of commands; it does not go
   * back to {@link begin}.
   *
   * @throws Error when a command fails.
   */
  async obey(script: string, ports: readonly string[]): Promise<void> {
    await this.ask({ script, ports });
  }

  /** The VLANs of each port, with `pvid` and `untagged` where they are. */
  async vlans(): Promise<(readonly [vlan: number, traits: string])[][]> {
    return (await this.ask({ vlans: true })).vlans!;
  }

  /** Waits until it has forgotten every address. */
  async age(): Promise<void> {
    await this.ask({ age: true });
  }

  async stop(): Promise<void> {
    const ended = [once(this.server, 'close'), once(this.janitor, 'close')];
    this.janitor.stdin!.end();
    await Promise.all(ended);
  }

  private ask(request: object): Promise<Answer> {
    const answered = this.last.then(() => {
      this.server.stdin!.write(`${JSON.stringify(request)}\n`);
      return this.answer();
    });
    this.last = answered.catch(() => undefined);
    return answered;
  }

  /** A kernel that starts says a word of its own before. */
  private async answer(): Promise<Answer> {
    for (;;) {
      const { value, done } = await this.answers.next();
      if (done === true)
        throw new Error(
          'the program that holds the Linux bridge ended (processors with AVX-512 or AMX need a C compiler)',
        );
      if (!value.startsWith('{')) continue;
      const answer = JSON.parse(value) as Answer;
      if (answer.error !== undefined) throw new Error(`Linux bridge: ${answer.error}`);
      return answer;
    }
  }
}

interface Answer {
  readonly error?: string;
  readonly frames?: string[][];
  readonly vlans?: (readonly [number, string])[][];
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: { readonly [name: string]: string };
}

/** How the server is started; `dir` is where it may leave what it needs while it runs. */
function bridgeCommand(dir: string): Command {
  const python = run('python3', ['-c', 'import sys; print(sys.executable)']);
  if (kernelFilters()) return { program: 'unshare', args: [...ALONE, python, SERVER], env: {} };
  const { kernel, modules } = userModeLinux();
  const settings = ['root=none', 'rootfstype=hostfs', 'rootflags=/', 'ro', 'mem=96M', `uml_dir=${dir}/`, 'quiet'];
  const console = ['con=null', 'con0=fd:0,fd:1'];
  const args = [...settings, KNOWN_STATE, ...console, `init=${python}`, '--', SERVER, modules];
  return { program: kernel, args, env: preloaded(dir) };
}

/** Without a compiler user-mode Linux runs on older processors alone. */
function preloaded(dir: string): Command['env'] {
  if (!onPath('cc')) return {};
  const library = join(dir, 'whole-xstate.so');
  run('cc', ['-O2', '-shared', '-fPIC', '-o', library, WHOLE_XSTATE]);
  return { LD_PRELOAD: library };
}

/** Whether this kernel's bridges can tell VLANs apart. */
function kernelFilters(): boolean {
  try {
    run('unshare', [...ALONE, 'ip', 'link', 'add', 'name', 'probe', 'type', 'bridge', 'vlan_filtering', '1']);
    return true;
  } catch {
    return false;
  }
}

/** Debian's user-mode Linux, unpacked beside the servers that tests need; it is not installed. */
function userModeLinux(): { readonly kernel: string; readonly modules: string } {
  const dir = cached('user-mode-linux', (fresh) => {
    if (!onPath('apt-get')) {
      throw new Error(
        'this kernel has no bridge with VLAN filtering, and without apt-get there is no other kernel to be had',
      );
    }
    const fetch = (): unknown => run('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', PACKAGE], { cwd: fresh });
    try {
      fetch();
    } catch {
      run('apt-get', ['update', '-qq']);
      fetch();
    }
    const [archive] = readdirSync(fresh);
    run('dpkg-deb', ['--extract', join(fresh, archive!), fresh]);
  });
  const releases = join(dir, 'usr/lib/uml/modules');
  return { kernel: join(dir, 'usr/bin/linux.uml'), modules: join(releases, readdirSync(releases)[0]!) };
}

const PACKAGE = 'user-mode-linux';
