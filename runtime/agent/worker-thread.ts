import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FlowgridError, type ErrorCode } from '../../domain/base/errors';
import type { GroupAnswer } from './group-service';
import type { PacketWorkerSetup, WorkerAnswer, WorkerCommand, WorkerReady, WorkerRequest } from './worker-protocol';

/** The worker's entry, built: seen from `dist/` and from the sources. */
const ENTRIES = [
  join(__dirname, '../programs/packet-worker.js'),
  join(__dirname, '../../dist/runtime/programs/packet-worker.js'),
];

interface Pending {
  readonly resolve: (answer: GroupAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** One packet worker, as its host sees it: numbered requests, a map of those without an answer, drained when the worker ends. */
export class WorkerThread {
  private readonly pending = new Map<number, Pending>();
  private requests = 0;
  /** Why no request will be answered any more. */
  private over: FlowgridError | undefined;

  private constructor(
    private readonly worker: Worker,
    readonly kernels: 'wasm' | 'ts',
    private readonly wake: () => void,
  ) {
    worker.on('message', (message: WorkerAnswer) => this.answered(message));
    worker.on('error', (error) => this.ended(`failed: ${error.message}`));
    worker.on('exit', (code) => this.ended(`ended with code ${code}`));
  }

  static async start(setup: PacketWorkerSetup, wake: () => void): Promise<WorkerThread> {
    const entry = ENTRIES.find((path) => existsSync(path));
    if (entry === undefined) {
      throw new FlowgridError('unsupported', 'dist/runtime/programs/packet-worker.js is not there', {
        remedy: 'run `npm run build`',
      });
    }
    const worker = new Worker(entry, { workerData: setup });
    const kernels = await new Promise<'wasm' | 'ts'>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('message', (message: WorkerReady) => {
        worker.off('error', reject);
        resolve(message.kernels);
      });
    });
    return new WorkerThread(worker, kernels, wake);
  }

  /** Has the worker carry a command out. */
  request(command: WorkerCommand): Promise<GroupAnswer> {
    if (this.over !== undefined) return Promise.reject(this.over);
    return new Promise((resolve, reject) => {
      const id = ++this.requests;
      this.pending.set(id, { resolve, reject });
      this.worker.postMessage({ id, command } satisfies WorkerRequest);
      this.wake();
    });
  }

  /** Ends the thread; one that has failed has ended already. */
  async close(): Promise<void> {
    if (this.over === undefined) await this.request({ op: 'close' }).catch(() => undefined);
  }

  private answered(answer: WorkerAnswer): void {
    const pending = this.pending.get(answer.id);
    this.pending.delete(answer.id);
    if ('error' in answer) {
      const { code, message, stack } = answer.error;
      pending?.reject(new FlowgridError(code as ErrorCode, message, { cause: stack }));
    } else {
      pending?.resolve(answer);
    }
  }

  private ended(how: string): void {
    this.over ??= new FlowgridError('closed', `packet worker ${how}`);
    for (const { reject } of this.pending.values()) reject(this.over);
    this.pending.clear();
  }
}
