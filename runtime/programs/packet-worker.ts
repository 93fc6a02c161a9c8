import { receiveMessageOnPort, parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { Arena } from '../../dataplane/frames/arena';
import { Fabric } from '../../dataplane/rings/fabric';
import { wallMicros } from './wall-clock';
import { GroupService, type GroupAnswer, type GroupCommand } from '../agent/group-service';
import {
  CELL_ASLEEP,
  CELL_FAILED,
  CELL_NOW,
  CELL_PROGRESS,
  CELL_REQUESTS,
  CELL_SIGNAL,
  CELL_TICKED,
  CELL_TICKS,
  type PacketWorkerSetup,
  type WorkerAnswer,
  type WorkerReady,
  type WorkerRequest,
} from '../agent/worker-protocol';
import { WorkerPorts, type NetworkSetup } from '../agent/worker-ports';

/** Longest sleep, milliseconds. */
const SLEEP_MS = 1;
/** Steps that gave the world frames before the driver is told, should it wait for room. */
const TELL_EVERY = 16;
/** Steps before a hello round, at most: more than it takes to move what may be under way. */
const STEPS_BEFORE_ROUND = 128;

/**
 * The thread of a packet worker: commands first, then frames that are inside and hello rounds, then frames that wait at its
 * ports, then some patience (the next frames are often microseconds away, and waking a thread takes longer), then sleep
 * until another thread gives a signal.
 */
class PacketWorker {
  private readonly service: GroupService;
  private readonly i32: Int32Array;
  private readonly f64: Float64Array;
  private readonly cell: number;
  private readonly patience: number;
  private requests = 0;
  private ticks = 0;
  private toWorld = 0;
  private readonly arena: Arena;
  private ports: WorkerPorts | undefined;

  constructor(
    private readonly port: MessagePort,
    private readonly started: PacketWorkerSetup,
  ) {
    const { arena: share, setup, cell, patience } = started;
    const arena = (this.arena = Arena.attach(share));
    this.service = new GroupService(arena, setup, wallMicros);
    this.i32 = arena.i32;
    this.f64 = arena.f64;
    this.cell = cell;
    this.patience = patience;
    const ready: WorkerReady = { ready: true, kernels: this.service.kernels };
    port.postMessage(ready);
  }

  /** Works until told to close. */
  run(): void {
    for (let idle = 0; ;) {
      if (this.load(CELL_REQUESTS) !== this.requests) {
        if (!this.answerAll()) return;
        idle = 0;
      }
      const moved = this.move();
      // A round is made among frames too: where they come from ports they need not ever stop.
      const ticked = this.tick();
      const read = this.read();
      if (moved || ticked || read) idle = 0;
      else if (idle++ === 0) this.tellRest();
      else if (idle > this.patience) {
        this.sleep();
        idle = 0;
      }
    }
  }

  /** Moves frames one step on and wakes who has to go on with them; false when there were none. */
  private move(): boolean {
    const { service } = this;
    if (service.step(this.f64[(this.cell + CELL_NOW) >>> 3]!) === 0) return false;
    if (service.takeOutward() && this.load(CELL_ASLEEP) > 0) this.change(CELL_SIGNAL);
    if (!service.takeToWorld()) return true;
    if (this.ports !== undefined) this.ports.drain();
    else if (++this.toWorld % TELL_EVERY === 0) this.change(CELL_PROGRESS);
    return true;
  }

  /** Lets frames in that wait at this worker's ports; false when there were none, or grid time has not begun. */
  private read(): boolean {
    const { ports } = this;
    if (ports === undefined) return false;
    ports.drain();
    const now = this.f64[(this.cell + CELL_NOW) >>> 3]!;
    // A frame that entered at time 0 would look as if its flow had been silent ever since.
    return now > 0 && ports.receive(now) > 0 && this.service.enter(now) > 0;
  }

  /** Makes the next hello round that the driver asked for, if any. */
  private tick(): boolean {
    if (this.load(CELL_TICKS) === this.ticks) return false;
    this.ticks = (this.ticks + 1) | 0;
    // Whoever has spoken is heard before the round says who is silent, however much else has arrived.
    for (let step = 0; step < STEPS_BEFORE_ROUND && this.move(); step++);
    this.service.execute({ op: 'tick', now: this.f64[(this.cell + CELL_NOW) >>> 3]! });
    Atomics.add(this.i32, (this.cell + CELL_TICKED) >>> 2, 1);
    if (this.load(CELL_ASLEEP) > 0) this.change(CELL_SIGNAL);
    this.change(CELL_PROGRESS);
    return true;
  }

  /** There is nothing to do here: the driver is told if there is nothing to do anywhere. */
  private tellRest(): void {
    if (this.service.restsInside()) this.change(CELL_PROGRESS);
  }

  private sleep(): void {
    const asleep = (this.cell + CELL_ASLEEP) >>> 2;
    const seen = this.load(CELL_SIGNAL);
    Atomics.add(this.i32, asleep, 1);
    // What was published before others could know that this thread sleeps is found here; later, they give a signal.
    const busy =
      this.load(CELL_REQUESTS) !== this.requests || this.load(CELL_TICKS) !== this.ticks || this.service.hasFrames();
    if (!busy) Atomics.wait(this.i32, (this.cell + CELL_SIGNAL) >>> 2, seen, SLEEP_MS);
    Atomics.sub(this.i32, asleep, 1);
  }

  /** Carries out the commands that have come; false when one of them was to close. */
  private answerAll(): boolean {
    this.requests = this.load(CELL_REQUESTS);
    for (;;) {
      const request = receiveMessageOnPort(this.port)?.message as WorkerRequest | undefined;
      if (request === undefined) return true;
      if (request.command.op === 'close') {
        this.port.postMessage({ id: request.id });
        return false;
      }
      this.port.postMessage(this.answer(request.id, request.command));
      if (this.load(CELL_ASLEEP) > 0) this.change(CELL_SIGNAL);
    }
  }

  private answer(id: number, command: Exclude<WorkerRequest['command'], { op: 'close' }>): WorkerAnswer {
    try {
      return { id, ...this.execute(command) };
    } catch (error) {
      const { code, message, stack } = error as { code?: string; message: string; stack?: string };
      return { id, error: { code: code ?? 'internal', message, stack: stack ?? '' } };
    }
  }

  private execute(command: GroupCommand | { readonly op: 'attach'; readonly network: NetworkSetup }): GroupAnswer {
    if (command.op === 'attach') {
      this.attach(command.network);
      return {};
    }
    const answer = this.service.execute(command);
    if (command.op === 'install') this.ports?.install(command.published);
    this.ports?.judgeDoors((node) => this.service.isAlive(node));
    return answer;
  }

  private attach(network: NetworkSetup): void {
    const { group, fabric } = this.started.setup;
    this.ports ??= new WorkerPorts(this.arena, Fabric.attach(this.arena, fabric), group);
    this.ports.attach(network);
  }

  private load(word: number): number {
    return Atomics.load(this.i32, (this.cell + word) >>> 2);
  }

  private change(word: number): void {
    Atomics.add(this.i32, (this.cell + word) >>> 2, 1);
    Atomics.notify(this.i32, (this.cell + word) >>> 2);
  }

  /** Nothing will come to rest any more: a driver that waits for it is woken to hear that. */
  fail(): void {
    Atomics.store(this.i32, (this.cell + CELL_FAILED) >>> 2, 1);
    this.change(CELL_PROGRESS);
  }
}

function work(port: MessagePort, setup: PacketWorkerSetup): void {
  const worker = new PacketWorker(port, setup);
  try {
    worker.run();
  } catch (error) {
    worker.fail();
    throw error;
  }
}

if (parentPort !== null) work(parentPort, workerData as PacketWorkerSetup);
