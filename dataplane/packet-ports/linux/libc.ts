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
  bind(descriptor: number, address: Uint8Array): number;
  setOption(descriptor: number, level: number, name: number, value: Uint8Array): number;
  getOption(descriptor: number, level: number, name: number, into: Uint8Array): number;
  /** `recvmmsg`, which never waits, with a vector of `struct mmsghdr` at an address. */
  receiveMany(descriptor: number, vector: number, count: number): number;
  /** `sendmmsg`, likewise: how many were sent before the first that was not, or the error of the first. */
  sendMany(descriptor: number, vector: number, count: number): number;
  /** Where bytes of shared memory lie, for vectors. They never move. */
  addressOf(bytes: Uint8Array): number;
  /** `poll` of the one `struct pollfd` at an address, beside this thread: it keeps a thread of the pool of libuv meanwhile. */
  poll(at: number, withinMs: number): Promise<number>;
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
  const bind = library.func('int bind(int descriptor, const void *address, uint32_t length)') as Sized;
  const set = library.func(
    'int setsockopt(int descriptor, int level, int name, const void *value, uint32_t length)',
  ) as Option;
  const get = library.func('int getsockopt(int descriptor, int level, int name, void *value, void *length)') as Get;
  const receive = library.func(
    'int recvmmsg(int descriptor, uintptr_t vector, uint32_t count, int flags, uintptr_t timeout)',
  ) as (...numbers: readonly number[]) => number;
  const send = library.func('int sendmmsg(int descriptor, uintptr_t vector, uint32_t count, int flags)') as (
    ...numbers: readonly number[]
  ) => number;
  const move = library.func('uintptr_t memmove(void *to, const void *from, size_t length)') as Move;
  const poll = library.func('int poll(uintptr_t descriptors, unsigned long count, int withinMs)') as unknown as Poll;
  const told = (result: number): number => (result === -1 ? -koffi.errno() : result);
  return {
    open: (path, flags) => told(open(path, flags)),
    socket: (domain, type, protocol) => told(socket(domain, type, protocol)),
    ioctl: (descriptor, request, argument) => told(ioctl(descriptor, request, argument)),
    read: (descriptor, into) => told(read(descriptor, into, into.length)),
    write: (descriptor, bytes) => told(write(descriptor, bytes, bytes.length)),
    close: (descriptor) => told(close(descriptor)),
    bind: (descriptor, address) => told(bind(descriptor, address, address.length)),
    setOption: (descriptor, level, name, value) => told(set(descriptor, level, name, value, value.length)),
    getOption: (descriptor, level, name, into) =>
      told(get(descriptor, level, name, into, new Uint32Array([into.length]))),
    receiveMany: (descriptor, vector, count) => told(receive(descriptor, vector, count, MSG_DONTWAIT, 0)),
    sendMany: (descriptor, vector, count) => told(send(descriptor, vector, count, MSG_DONTWAIT)),
    addressOf: (bytes) => Number(move(bytes, bytes, 0)),
    poll: (at, withinMs) =>
      new Promise((resolve, reject) => {
        poll.async(at, 1, withinMs, (error, result) =>
          (error ?? undefined) === undefined ? resolve(result) : reject(error),
        );
      }),
  };
}

/** Neither waits, whatever the descriptor was opened with. */
const MSG_DONTWAIT = 0x40;

type Sized = (descriptor: number, bytes: Uint8Array, length: number) => number;
type Option = (descriptor: number, level: number, name: number, value: Uint8Array, length: number) => number;
type Get = (descriptor: number, level: number, name: number, value: Uint8Array, length: Uint32Array) => number;
type Move = (to: Uint8Array, from: Uint8Array, length: number) => number | bigint;
interface Poll {
  async(at: number, count: number, withinMs: number, done: (error: Error | null, result: number) => void): void;
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
