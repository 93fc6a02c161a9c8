import { chmodSync, statSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { FlowgridError, isFlowgridError } from '../../../domain/base/errors';
import { FrameKind, FrameReader, writeFrame, type Frame } from './frames';
import { socketPath, WRITER_SOCKET } from './socket-path';

/** Answers a request of another flowgrid process; what it throws is passed on, a FlowgridError with code and remedy. */
export type RequestHandler = (request: Uint8Array) => Promise<Uint8Array> | Uint8Array;

/** The right to write, held as long as the socket listens: the system takes it back when the process dies. */
export interface WriterLock {
  release(): Promise<void>;
}

/** How often a socket that nobody listens on is taken over before giving up (others may be taking it over too). */
const TAKEOVERS_MAX = 5;

/**
 * Takes the writer's lock of `dir` by listening on its socket. A socket that a killed writer left behind is taken over.
 * Should two programs take over at one instant, the log's fencing entry lets only the last of them write.
 *
 * @throws FlowgridError `log-locked` while another writer listens.
 */
export async function takeWriterLock(dir: string, onRequest: RequestHandler | undefined): Promise<WriterLock> {
  const file = join(dir, WRITER_SOCKET);
  for (let attempt = 0; attempt < TAKEOVERS_MAX; attempt++) {
    const server = await listen(dir, onRequest);
    if (server !== undefined) {
      chmodSync(file, 0o600);
      return { release: () => release(server, file) };
    }
    const before = inode(file);
    if (await answers(dir)) break;
    if (before !== undefined && before === inode(file)) unlinkSync(file);
  }
  throw new FlowgridError('log-locked', `another flowgrid program writes in ${dir}`, {
    remedy: 'stop it, send it your command instead, or name another directory with --data',
  });
}

interface Listening {
  readonly server: Server;
  readonly connections: Set<Socket>;
}

/** Listens on the socket; undefined when its file already exists. */
async function listen(dir: string, onRequest: RequestHandler | undefined): Promise<Listening | undefined> {
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    serve(socket, onRequest);
  });
  const alias = socketPath(dir);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(alias.path, resolve);
    });
    return { server, connections };
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EADDRINUSE') return undefined;
    throw new FlowgridError('log-failed', `cannot listen on ${join(dir, WRITER_SOCKET)}`, { cause: error });
  } finally {
    alias.release();
  }
}

/** Whether a living program listens on the socket. */
async function answers(dir: string): Promise<boolean> {
  const alias = socketPath(dir);
  const socket = connect(alias.path);
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      // A full backlog (EAGAIN) is a sign of life; a dead writer's socket refuses, an unlinked one is not found.
      socket.once('error', (error: { code?: unknown }) =>
        resolve(!['ECONNREFUSED', 'ENOENT'].includes(String(error.code))),
      );
    });
  } finally {
    socket.destroy();
    alias.release();
  }
}

function inode(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}

/** Answers the requests of one connection, one after the other. */
function serve(socket: Socket, onRequest: RequestHandler | undefined): void {
  const reader = new FrameReader();
  let last = Promise.resolve();
  // A client that goes away takes its unanswered requests' answers with it; nothing else depends on them.
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    try {
      for (const frame of reader.push(chunk)) last = last.then(() => answer(socket, frame, onRequest));
    } catch {
      socket.destroy();
    }
  });
}

async function answer(socket: Socket, frame: Frame, onRequest: RequestHandler | undefined): Promise<void> {
  let kind: number = FrameKind.answer;
  let payload: Uint8Array;
  try {
    if (onRequest === undefined) throw new FlowgridError('unsupported', 'this writer takes no requests');
    payload = await onRequest(frame.payload);
  } catch (error) {
    kind = FrameKind.error;
    payload = Buffer.from(JSON.stringify(described(error)));
  }
  if (!socket.destroyed) writeFrame(socket, kind, payload);
}

/** What another process gets to know of an error. */
function described(error: unknown): { code: string; message: string; remedy?: string; canRetry: boolean } {
  if (!isFlowgridError(error)) return { code: 'internal', message: String(error), canRetry: false };
  const { code, message, canRetry, remedy } = error;
  return { code, message, canRetry, ...(remedy === undefined ? {} : { remedy }) };
}

async function release({ server, connections }: Listening, file: string): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const connection of connections) connection.destroy();
  await closed;
  // Bound through an alias that is gone by now, the file is not unlinked on closing; and if its name has passed to a
  // new writer meanwhile, unlinking is not ours to do: then the new one answers.
  if (inode(file) !== undefined && !(await answersAt(file))) unlinkSync(file);
}

function answersAt(file: string): Promise<boolean> {
  return answers(join(file, '..'));
}
