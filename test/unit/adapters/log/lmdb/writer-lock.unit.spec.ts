import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { FlowgridError } from '../../../../../domain/base/errors';
import { openLmdbLog, requestWriter, type LmdbLog } from '../../../../../adapters/log/lmdb';
import { FRAME_BYTES_MAX, FrameReader } from '../../../../../adapters/log/lmdb/frames';
import { until } from '../../../../contract/event-log.contract';
import { commitAfter, commitsAfter } from '../../../../contract/log-records';
import { tamper, temporaryDir } from './temporary-log';

/** A directory whose socket path no system call takes as it is. */
const LONG = ['a'.repeat(60), 'b'.repeat(60)];

describe.each([
  ['a short path', []],
  ['a path over the limit of sockets', LONG],
])('the writer of a data directory with %s', (_, below) => {
  let dir: string;
  const open: LmdbLog[] = [];
  const writer = async (onRequest?: (request: Uint8Array) => Uint8Array | Promise<Uint8Array>): Promise<LmdbLog> => {
    const log = await openLmdbLog({ dir, mode: 'writer', ...(onRequest && { onRequest }) });
    open.push(log);
    return log;
  };

  beforeEach(() => {
    dir = temporaryDir(...below);
  });
  afterEach(async () => {
    for (const log of open.splice(0)) await log.close();
  });

  test('is alone: a second one is refused until the first has closed', async () => {
    const first = await writer();
    expect(statSync(join(dir, 'writer.sock')).mode & 0o777).toBe(0o600);
    await expect(writer()).rejects.toMatchObject({ code: 'log-locked' });
    await first.append([commitAfter(first.head())]);
    await first.close();
    expect(existsSync(join(dir, 'writer.sock'))).toBe(false);
    const second = await writer();
    expect(second.head().seq).toBe(1);
  });

  test('takes over the socket of a writer that was killed', async () => {
    const listen = "require('net').createServer().listen('writer.sock', () => console.log('listening'))";
    const child = spawn(process.execPath, ['-e', listen], { cwd: dir });
    await once(child.stdout, 'data');
    await expect(writer()).rejects.toMatchObject({ code: 'log-locked' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(join(dir, 'writer.sock'))).toBe(true);
    const log = await writer();
    expect((await log.append([commitAfter(log.head())])).accepted).toEqual([1]);
  });

  test('answers requests of other programs, in order, and passes its errors on', async () => {
    await writer(async (request) => {
      const text = Buffer.from(request).toString();
      if (text === 'refuse') throw new FlowgridError('rejected', 'no such cluster', { remedy: 'name another' });
      if (text === 'break') throw new Error('a bug');
      return Buffer.from(`${text}!`);
    });
    const big = Buffer.alloc(300_000, 'x');
    const answers = await Promise.all([Buffer.from('hello'), big].map((bytes) => requestWriter(dir, bytes)));
    expect(answers.map((bytes) => bytes.length)).toEqual([6, 300_001]);
    const refused = requestWriter(dir, Buffer.from('refuse'));
    await expect(refused).rejects.toMatchObject({
      code: 'rejected',
      message: 'no such cluster',
      remedy: 'name another',
    });
    await expect(requestWriter(dir, Buffer.from('break'))).rejects.toMatchObject({ code: 'internal' });
  });

  test('a request finds no writer, none that listens, or one that takes none', async () => {
    await expect(requestWriter(dir, Buffer.from('x'))).rejects.toMatchObject({ code: 'not-found' });
    await writer();
    await expect(requestWriter(dir, Buffer.from('x'))).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('a request that is not answered in time, or whose writer goes away, says so', async () => {
    let asked = false;
    const log = await writer(() => {
      asked = true;
      return new Promise<Uint8Array>(() => undefined);
    });
    await expect(requestWriter(dir, Buffer.from('x'), { timeoutMs: 20 })).rejects.toMatchObject({ code: 'timeout' });
    asked = false;
    const pending = expect(requestWriter(dir, Buffer.from('x'))).rejects.toMatchObject({
      code: 'closed',
      canRetry: true,
    });
    await until(() => asked);
    await log.close();
    await pending;
  });
});

describe('the writer', () => {
  test('whose lock was taken over writes nothing any more', async () => {
    const dir = temporaryDir();
    const log = await openLmdbLog({ dir, mode: 'writer' });
    await log.append(commitsAfter(log.head(), 2));
    // Another writer raised the generation: what a take-over does, should two programs believe the lock to be theirs.
    await tamperWhileOpen(dir);
    const head = log.head();
    await expect(log.append([commitAfter(head)])).rejects.toMatchObject({ code: 'log-locked' });
    expect(log.head()).toEqual(head);
    await expect(
      log.putSnapshot({ seq: 1, commitHash: '', foldVersion: 1, bytes: Buffer.from('state') }),
    ).rejects.toMatchObject({
      code: 'log-locked',
    });
    expect(await log.snapshot(1)).toBeUndefined();
    await log.close();
  });

  test('drops a connection that does not speak its language', async () => {
    const dir = temporaryDir();
    const log = await openLmdbLog({ dir, mode: 'writer', onRequest: (request) => request });
    const socket = connect(join(dir, 'writer.sock'));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0]));
    await closed;
    expect(Buffer.from(await requestWriter(dir, Buffer.from('still here'))).toString()).toBe('still here');
    await log.close();
  });
});

describe('frames', () => {
  test('come out whole however the stream is cut', () => {
    const stream = Buffer.concat(
      ['one', '', 'three'].map((text) => {
        const frame = Buffer.alloc(5 + text.length);
        frame.writeUInt32BE(1 + text.length);
        frame[4] = text.length;
        frame.write(text, 5);
        return frame;
      }),
    );
    for (let cut = 1; cut <= stream.length; cut++) {
      const reader = new FrameReader();
      const frames = [];
      for (let at = 0; at < stream.length; at += cut) frames.push(...reader.push(stream.subarray(at, at + cut)));
      expect(frames.map((frame) => [frame.kind, Buffer.from(frame.payload).toString()])).toEqual([
        [3, 'one'],
        [0, ''],
        [5, 'three'],
      ]);
    }
  });

  test('of no length or too much are refused', () => {
    for (const length of [0, FRAME_BYTES_MAX + 1]) {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(length);
      expect(() => new FrameReader().push(head)).toThrow(expect.objectContaining({ code: 'invalid-record' }));
    }
  });
});

async function tamperWhileOpen(dir: string): Promise<void> {
  await tamper(dir, (env) => {
    const entry = env.meta.getEntry('writer')!;
    env.meta.putSync('writer', entry.value, (entry.version ?? 0) + 1);
  });
}
