import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Stages, type StageCosts } from './stages';

/** What a thread of {@link StageThreads} is set up with. */
interface Setup {
  readonly flows: number;
  readonly frameBytes: number;
  readonly places: number;
}

/**
 * The stages alone, timed in several threads at once, each over tables of its own: cores that share a cache, memory and a
 * power budget are slower together than one is while the others rest, and a grid on all of them has no other cores.
 */
export class StageThreads {
  private constructor(private readonly threads: readonly Worker[]) {}

  static async start(count: number, flows: number, frameBytes: number, places: number): Promise<StageThreads> {
    const setup: Setup = { flows, frameBytes, places };
    const threads = Array.from({ length: count }, () => new Worker(__filename, { workerData: setup }));
    await Promise.all(threads.map((thread) => answerOf(thread)));
    return new StageThreads(threads);
  }

  /** Times each stage over `batches` batches in every thread; the mean of the threads. */
  async measure(batches: number): Promise<StageCosts> {
    const answers = this.threads.map((thread) => answerOf(thread) as Promise<StageCosts>);
    for (const thread of this.threads) thread.postMessage(batches);
    const costs = await Promise.all(answers);
    const mean = (stage: keyof StageCosts): number => costs.reduce((sum, each) => sum + each[stage], 0) / costs.length;
    return {
      push: mean('push'),
      transit: mean('transit'),
      arrival: mean('arrival'),
      recognition: mean('recognition'),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.terminate()));
  }
}

function answerOf(thread: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    thread.once('error', reject);
    thread.once('message', (message) => {
      thread.off('error', reject);
      resolve(message);
    });
  });
}

/** The thread's own part: says that it is ready, then answers each number of batches with what the stages cost. */
function serve(port: NonNullable<typeof parentPort>, { flows, frameBytes, places }: Setup): void {
  const stages = new Stages(flows, frameBytes, places);
  port.on('message', (batches: number) => port.postMessage(stages.measure(batches)));
  port.postMessage('ready');
}

if (!isMainThread && parentPort !== null) serve(parentPort, workerData as Setup);
