import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { FlowgridError } from '../../../domain/base/errors';

/**
 * The system calls that ports of Linux are made of. Each returns what the call does or, where that is -1, the negative number of
 * its error ({@link failureText}): none throws, so that a loop may ask for frames that are not there.
 */
export interface Libc {
  /** Opens what exists; close-on-exec is for the caller to ask for. */
  open(path: string, flags: number): number;
  socket(domain: number, type: number, protocol: number): number;
  /** With an argument that the call reads, and writes into. */
  ioctl(descriptor: number, request: number, argument: Uint8Array): number;
  /** Reads at most `into.length` bytes. */
  read(descriptor: number, into: Uint8Array): number;
  write(descriptor: number, bytes: Uint8Array): number;
  close(descriptor: number): number;
}

/** `O_CLOEXEC`, which Node does not name: programs that are started do not inherit the descriptor. */
export const CLOSE_ON_EXEC = 0x80000;

/**
 * Loads the C library that this process runs on. The `koffi` package is loaded here and nowhere else, so that an install
 * without it works until this is called.
 *
 * @param purpose what it is for, as the error names it: `--interface`.
 * @throws FlowgridError `unsupported` on another system than Linux, or without the package.
 */
export async function loadLibc(purpose: string): Promise<Libc> {
  if (process.platform !== 'linux') {
    throw new FlowgridError('unsupported', `${purpose} needs Linux, and this is ${process.platform}`);
  }
  const koffi = await import('koffi').catch((cause: unknown) => {
    throw new FlowgridError('unsupported', `${purpose} needs the package koffi`, {
      remedy: 'install with optional dependencies, or: npm install koffi@3',
      cause,
    });
  });
  const library = koffi.load(null);
  const open = library.func('int open(const char *path, int flags)') as Libc['open'];
  const socket = library.func('int socket(int domain, int type, int protocol)') as Libc['socket'];
  const ioctl = library.func('int ioctl(int descriptor, unsigned long request, void *argument)') as Libc['ioctl'];
  const read = library.func('long read(int descriptor, void *into, size_t count)') as Transfer;
  const write = library.func('long write(int descriptor, const void *bytes, size_t count)') as Transfer;
  const close = library.func('int close(int descriptor)') as Libc['close'];
  const told = (result: number): number => (result === -1 ? -koffi.errno() : result);
  return {
    open: (path, flags) => told(open(path, flags)),
    socket: (domain, type, protocol) => told(socket(domain, type, protocol)),
    ioctl: (descriptor, request, argument) => told(ioctl(descriptor, request, argument)),
    read: (descriptor, into) => told(read(descriptor, into, into.length)),
    write: (descriptor, bytes) => told(write(descriptor, bytes, bytes.length)),
    close: (descriptor) => told(close(descriptor)),
  };
}

type Transfer = (descriptor: number, bytes: Uint8Array, count: number) => number;

/** `EPERM, operation not permitted`: what a negative result of a call says. */
export function failureText(result: number): string {
  return getSystemErrorMap().get(result)?.join(', ') ?? `error ${-result}`;
}

/** Whether a call found nothing to read, or no room to write. */
export function isNotReady(result: number): boolean {
  return result === -constants.errno.EAGAIN;
}
