import { execFileSync } from 'node:child_process';
import { constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import { join } from 'node:path';
import type * as Module from '../../../../../dataplane/packet-ports/linux/libc';
import {
  CLOSE_ON_EXEC,
  failureText,
  isNotReady,
  loadLibc,
  type Libc,
} from '../../../../../dataplane/packet-ports/linux/libc';

const { ENOENT, ENOTTY, EBADF } = os.constants.errno;
const INET = 2;
const DATAGRAMS = 2;
/** Asks how many bytes can be read. */
const FIONREAD = 0x541b;

let dir: string;
let libc: Libc;

beforeAll(async () => {
  dir = mkdtempSync(join(os.tmpdir(), 'flowgrid-libc-'));
  libc = await loadLibc('a test');
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('system calls move bytes of plain and of shared memory', () => {
  const path = join(dir, 'file');
  writeFileSync(path, 'what was there');
  const file = libc.open(path, constants.O_RDWR | CLOSE_ON_EXEC);
  const into = new Uint8Array(new SharedArrayBuffer(8));
  expect(libc.read(file, into)).toBe(8);
  expect(Buffer.from(into).toString()).toBe('what was');
  const left = new Uint8Array(4);
  expect(libc.ioctl(file, FIONREAD, left)).toBe(0);
  expect(new Uint32Array(left.buffer)[0]).toBe(6);
  expect(libc.write(file, into.subarray(0, 4))).toBe(4);
  expect(libc.close(file)).toBe(0);
  expect(readFileSync(path, 'utf8')).toBe('what waswhatre');
});

test('a call that fails says so by the negative number of its error, and throws nothing', () => {
  const none = libc.open(join(dir, 'none'), constants.O_RDONLY);
  expect(none).toBe(-ENOENT);
  expect(failureText(none)).toBe('ENOENT, no such file or directory');
  expect(libc.close(-1)).toBe(-EBADF);
  const file = libc.open('/dev/null', constants.O_RDONLY);
  expect(libc.ioctl(file, FIONREAD, new Uint8Array(4))).toBe(-ENOTTY);
  libc.close(file);
});

test('what is not there yet is told from what failed', () => {
  const path = join(dir, 'pipe');
  execFileSync('mkfifo', [path]);
  const pipe = libc.open(path, constants.O_RDWR | constants.O_NONBLOCK | CLOSE_ON_EXEC);
  const nothing = libc.read(pipe, new Uint8Array(1));
  expect([isNotReady(nothing), failureText(nothing)]).toEqual([true, 'EAGAIN, resource temporarily unavailable']);
  libc.close(pipe);
  expect(isNotReady(libc.read(pipe, new Uint8Array(1)))).toBe(false);
  const socket = libc.socket(INET, DATAGRAMS | constants.O_NONBLOCK | CLOSE_ON_EXEC, 0);
  expect(isNotReady(libc.read(socket, new Uint8Array(1)))).toBe(true);
  libc.close(socket);
});

test('without koffi it is said what to install', async () => {
  jest.resetModules();
  jest.doMock('koffi', () => {
    throw new Error("Cannot find module 'koffi'");
  });
  const without = jest.requireActual<typeof Module>('../../../../../dataplane/packet-ports/linux/libc');
  await expect(without.loadLibc('--interface')).rejects.toMatchObject({
    code: 'unsupported',
    message: '--interface needs the package koffi',
    remedy: expect.stringContaining('npm install koffi@3') as string,
  });
});
