import { existsSync, writeFileSync, constants as files } from 'node:fs';
import { constants } from 'node:os';
import { FlowgridError } from '../../../domain/base/errors';
import {
  IFF_NOARP,
  IFF_UP,
  interfaceRequest,
  requestedName,
  shortOf,
  SIOCGIFFLAGS,
  SIOCGIFINDEX,
  SIOCSIFFLAGS,
  SIOCSIFMTU,
} from './interface-request';
import { CLOSE_ON_EXEC, failureText, type Libc } from './libc';

const CONTROL = '/dev/net/tun';
/** linux/if_tun.h, as x86, ARM and RISC-V encode it. */
const TUNSETIFF = 0x400454ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const INET = 2;
const DATAGRAMS = 2;
/** What captures may hold: readers cut frames at it. */
const MTU = 16_384;
/** Frames read away in one go. */
const DISCARDED_MAX = 256;

const { EACCES, EPERM, ENOENT, ENODEV, ENXIO } = constants.errno;
/** Node does not name it: the interface was deleted. */
const EBADFD = 77;

/** What became of a frame that was written. */
export type TapWrite = 'written' | 'dropped' | 'gone';

/**
 * A network interface that shows frames to whoever listens to it and is part of no network: the host answers nothing on it,
 * and what anybody sends to it is read away. It is there while this process holds it.
 */
export class Tap {
  private readonly away = new Uint8Array(1);

  private constructor(
    private readonly libc: Libc,
    private readonly descriptor: number,
    readonly name: string,
  ) {}

  /**
   * Makes an interface and sets it up. In a name, `%d` becomes the first number that is free.
   *
   * @throws FlowgridError `unsupported` where the system has no TAP interfaces, `usage` without the right to make one or
   *   when the name is taken.
   */
  static open(libc: Libc, name: string): Tap {
    const descriptor = libc.open(CONTROL, files.O_RDWR | files.O_NONBLOCK | CLOSE_ON_EXEC);
    if (descriptor < 0) throw refusal(name, descriptor);
    const socket = libc.socket(INET, DATAGRAMS | CLOSE_ON_EXEC, 0);
    try {
      return new Tap(libc, descriptor, made(libc, descriptor, socket, name));
    } catch (error) {
      libc.close(descriptor);
      throw error;
    } finally {
      libc.close(socket);
    }
  }

  /** Never waits; what finds no room is lost. */
  write(frame: Uint8Array): TapWrite {
    const result = this.libc.write(this.descriptor, frame);
    if (result >= 0) return 'written';
    return result === -EBADFD ? 'gone' : 'dropped';
  }

  /** Reads away what was sent to the interface. */
  discard(): void {
    for (let left = DISCARDED_MAX; left > 0 && this.libc.read(this.descriptor, this.away) >= 0;) left--;
  }

  /** The interface goes, and who listens to it hears so. */
  close(): void {
    this.libc.close(this.descriptor);
  }
}

/** Makes the interface of a descriptor; returns what it is called. */
function made(libc: Libc, descriptor: number, socket: number, wanted: string): string {
  if (libc.ioctl(socket, SIOCGIFINDEX, interfaceRequest(wanted)) === 0) {
    throw new FlowgridError('usage', `there is an interface ${wanted} already`, {
      remedy: "choose another name; in 'fgprobe%d' the number is the first that is free",
    });
  }
  const answer = interfaceRequest(wanted, IFF_TAP | IFF_NO_PI);
  check(wanted, libc.ioctl(descriptor, TUNSETIFF, answer));
  const name = requestedName(answer);
  keepOut(name);
  check(name, libc.ioctl(socket, SIOCSIFMTU, interfaceRequest(name, MTU)));
  const flags = interfaceRequest(name);
  check(name, libc.ioctl(socket, SIOCGIFFLAGS, flags));
  check(name, libc.ioctl(socket, SIOCSIFFLAGS, interfaceRequest(name, shortOf(flags) | IFF_UP | IFF_NOARP)));
  return name;
}

/**
 * Keeps the host's own protocols away before the interface is up: frames of somebody's network would look to them as if meant for
 * this host. Without ARP it answers nobody; no IPv4 source is reached by this interface, so that each is refused; a
 * captured router advertisement would otherwise give the host a default route.
 */
function keepOut(name: string): void {
  for (const [setting, value] of [
    [`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1'],
    [`/proc/sys/net/ipv4/conf/${name}/rp_filter`, '1'],
  ] as const) {
    try {
      if (existsSync(setting)) writeFileSync(setting, value);
    } catch (cause) {
      throw new FlowgridError(
        'usage',
        `interface ${name}: the host cannot be kept out of it: ${setting} is read-only`,
        {
          remedy: 'let it be written, or read a named pipe (--write PIPE)',
          cause,
        },
      );
    }
  }
}

function check(name: string, result: number): void {
  if (result < 0) throw refusal(name, result);
}

function refusal(name: string, result: number): FlowgridError {
  if ([ENOENT, ENODEV, ENXIO].includes(-result)) {
    return new FlowgridError('unsupported', `interface ${name}: ${CONTROL} is not there (${failureText(result)})`, {
      remedy: "'modprobe tun'; in a container: --device /dev/net/tun; or read a named pipe (--write PIPE)",
    });
  }
  const mayNot = [EACCES, EPERM].includes(-result);
  return new FlowgridError('usage', `interface ${name}: it cannot be made (${failureText(result)})`, {
    remedy: mayNot ? 'run as root or with CAP_NET_ADMIN, or read a named pipe (--write PIPE)' : 'choose another name',
  });
}
