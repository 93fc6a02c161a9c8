import { FlowgridError } from '../../domain/base/errors';
import { clusterOf, nodeOf, nodeRef, type Micros, type NodeRef } from '../../domain/base/ids';
import type { FlowEvent } from '../../domain/flow/events';
import type { PublishedTopology } from '../../domain/topology/topology';
import { nodeKey } from '../../dataplane/descriptor/node-table';
import { Arena } from '../../dataplane/frames/arena';
import { SLOT_FRAME, S_FRAME_NO, S_LEN, S_OFF, S_TIME } from '../../dataplane/frames/layout';
import { SlotPool } from '../../dataplane/frames/slots';
import { FunctionRegistry } from '../../dataplane/functions/registry';
import { loadKernels } from '../../dataplane/kernels/kernels';
import { NodeGroup } from '../../dataplane/node/node-group';
import { WorldPort } from '../../dataplane/node/world-port';
import { Fabric } from '../../dataplane/rings/fabric';
import { median } from '../log/measure';
import type { Recording, Traffic } from './recording';
import { BEGIN_MS, NETWORKS } from './topology';

/** Frames that enter before the grid is let run until it rests. */
const TOGETHER = 256;
/**
 * Grid time between frames: a quarter of a million a second, so that a hello round, and what a backup holds until it
 * comes, is met as often as a grid under full load meets it.
 */
const FRAME_GAP_US = 4;
const RING_CAPACITY = 4096;
const SECRET = new Uint8Array(32).fill(7);

export interface MemoryGridOptions {
  /** Places of each flow and connection table, a power of two. */
  readonly flows: number;
  readonly slots?: number;
  readonly bytes?: number;
}

/** The whole dataplane of a topology in this thread, without taps; frames start and end in memory. */
export class MemoryGrid {
  readonly arena: Arena;
  readonly group: NodeGroup;
  now: Micros = BEGIN_MS * 1000;
  entered = 0;
  left = 0;
  private readonly slots: SlotPool;
  private readonly fabric: Fabric;
  private readonly world: WorldPort;
  private readonly doors: readonly NodeRef[];
  private readonly roundUs: number;
  private nextRound: Micros = 0;
  private readonly take: (slot: number) => void;

  constructor(published: PublishedTopology, { flows, slots = 1 << 15, bytes = 768 << 20 }: MemoryGridOptions) {
    this.arena = Arena.create({ slots, bytes });
    this.slots = new SlotPool(this.arena);
    this.fabric = Fabric.create(this.arena, 1, RING_CAPACITY);
    const registry = new FunctionRegistry(process.cwd());
    this.group = new NodeGroup({
      arena: this.arena,
      kernels: loadKernels(this.arena),
      fabric: this.fabric,
      group: 0,
      nodeKey: (ref) => nodeKey(SECRET, clusterOf(ref), nodeOf(ref), 1),
      keyEpoch: 1,
      createFunction: (spec, services) => registry.create(spec, services),
      limits: { flows, connections: flows },
    });
    const { clusters, networks, timing } = published.topology;
    for (const { id, role, members } of clusters) {
      if (role === 'mnode') continue;
      for (const { node, incarnation } of members) this.group.addNode(nodeRef(id, node), incarnation, role);
    }
    this.doors = NETWORKS.map((id) => nodeRef(networks.find((network) => network.id === id)?.cluster ?? 0, 1));
    this.roundUs = timing.helloMs * 1000;
    this.world = new WorldPort(this.arena, this.fabric);
    this.take = (slot) => {
      this.left++;
      this.slots.free(slot);
    };
    this.install(published);
  }

  /** Installs a topology and stamps new flows with it from now on. */
  install(published: PublishedTopology): void {
    this.group.install(published);
    this.world.install(published);
    this.group.activate(published.topology.version);
  }

  /** Sends frames `from` … `to` − 1 of a recording through the grid and lets it come to rest. */
  send(recording: Recording, from = 0, to = recording.length): void {
    let inBatch = 0;
    for (let i = from; i < to; i++) {
      this.now += FRAME_GAP_US;
      if (this.now >= this.nextRound) {
        this.beat();
        inBatch = 0;
      }
      this.inject(recording, i);
      if (++inBatch === TOGETHER) {
        this.settle();
        inBatch = 0;
      }
    }
    this.settle();
  }

  /** As {@link send}, but the grid rests whenever the other side speaks: a reply must not overtake its question. */
  sendInTurns(recording: Recording): void {
    for (let from = 0, to = 1; from < recording.length; to++) {
      if (to < recording.length && recording.side(to) === recording.side(from)) continue;
      this.send(recording, from, to);
      from = to;
    }
  }

  /** Lets grid time pass without frames, one hello round at a time. */
  pass(us: number): void {
    for (const until = this.now + us; this.now < until;) {
      this.now += this.roundUs;
      this.beat();
    }
  }

  /** What all nodes observed about flows since the last call, by node. */
  drainEvents(): { readonly node: NodeRef; readonly events: readonly FlowEvent[] }[] {
    return this.group.nodes().map((node) => ({ node, events: this.group.drainFlowEvents(node) }));
  }

  /** @throws FlowgridError unless every frame that entered has left: a figure for lost frames would mean nothing. */
  check(): void {
    if (this.entered === this.left) return;
    const dropped = this.group
      .nodes()
      .flatMap((node) => Object.entries(this.group.statistics(node).dropped).map(([why, n]) => `${node}: ${n} ${why}`));
    const drops = dropped.length === 0 ? 'no drop counted' : dropped.join(', ');
    throw new FlowgridError('internal', `bench: ${this.entered} frames entered and ${this.left} left: ${drops}`);
  }

  private inject(recording: Recording, index: number): void {
    const { arena } = this;
    const slot = this.slots.allocate();
    if (slot < 0) throw new FlowgridError('internal', 'bench: no slot is free');
    const address = arena.slot(slot);
    const side = recording.side(index);
    arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    arena.u32[(address + S_LEN) >>> 2] = recording.copyTo(index, arena.u8, address + SLOT_FRAME);
    arena.u32[(address + S_FRAME_NO) >>> 2] = this.entered;
    arena.f64[(address + S_TIME) >>> 3] = this.now;
    if (!this.world.inject(NETWORKS[side], slot, this.doors[side])) {
      throw new FlowgridError('internal', 'bench: the ring of an INODE is full');
    }
    this.entered++;
  }

  private beat(): void {
    this.settle();
    this.group.tick(this.now);
    this.settle();
    this.nextRound = this.now + this.roundUs;
  }

  private settle(): void {
    this.world.publish();
    do {
      this.group.run(this.now);
      this.world.drain(this.take);
    } while (!this.fabric.quiescent());
  }
}

/** Frames of grid time between two hello rounds, with the default interval of 10 ms. */
const ROUND_FRAMES = 2500;

/**
 * Nanoseconds per frame of `frames` frames of a recording, played again and again: the median over stretches of one hello
 * round each, so that a machine that is away for a moment does not count against the grid.
 */
export function nsPerFrame(grid: MemoryGrid, recording: Recording, frames = recording.length): number {
  const stretches: number[] = [];
  const length = Math.min(ROUND_FRAMES, recording.length);
  for (let sent = 0, from = 0; sent < frames; sent += length, from += length) {
    if (from + length > recording.length) from = 0;
    const begin = process.hrtime.bigint();
    grid.send(recording, from, from + length);
    stretches.push(Number(process.hrtime.bigint() - begin) / length);
  }
  return median(stretches);
}

/** Establishes the flows of `traffic`. */
export function establish(grid: MemoryGrid, { first, handshake }: Pick<Traffic, 'first' | 'handshake'>): void {
  grid.send(first);
  grid.sendInTurns(handshake);
  grid.check();
}
