import { receiveMessageOnPort, parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { Arena } from '../../dataplane/frames/arena';
import { GroupService } from '../agent/group-service';
import {
  CELL_NOW,
  CELL_SIGNAL,
  type PacketWorkerSetup,
  type WorkerAnswer,
  type WorkerReady,
  type WorkerRequest,
} from '../agent/worker-protocol';

/** Longest sleep, milliseconds: a ring may be published just before the signal that a sleeper saw. */
const SLEEP_MS = 1;

/** The thread of a packet worker: requests first, then frames, then sleep until the signal changes. */
function work(port: MessagePort, { arena: share, setup, cell }: PacketWorkerSetup): void {
  const arena = Arena.attach(share);
  const service = new GroupService(arena, setup);
  const signal = (cell + CELL_SIGNAL) >>> 2;
  const now = (cell + CELL_NOW) >>> 3;
  const ready: WorkerReady = { ready: true, kernels: service.kernels };
  port.postMessage(ready);
  for (;;) {
    const seen = Atomics.load(arena.i32, signal);
    const request = receiveMessageOnPort(port)?.message as WorkerRequest | undefined;
    if (request !== undefined) {
      if (request.command.op === 'close') {
        port.postMessage({ id: request.id });
        return;
      }
      port.postMessage(answer(service, request.id, request.command));
    } else if (service.run(arena.f64[now]!) > 0) {
      Atomics.add(arena.i32, signal, 1);
      Atomics.notify(arena.i32, signal);
    } else {
      Atomics.wait(arena.i32, signal, seen, SLEEP_MS);
    }
  }
}

function answer(service: GroupService, id: number, command: Parameters<GroupService['execute']>[0]): WorkerAnswer {
  try {
    return { id, ...service.execute(command) };
  } catch (error) {
    const { code, message, stack } = error as { code?: string; message: string; stack?: string };
    return { id, error: { code: code ?? 'internal', message, stack: stack ?? '' } };
  }
}

if (parentPort !== null) work(parentPort, workerData as PacketWorkerSetup);
