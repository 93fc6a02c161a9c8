import type { Micros, NodeRef } from '../../domain/base/ids';
import type { PublishedTopology } from '../../domain/topology/topology';
import { Arena } from '../../dataplane/frames/arena';
import { Fabric } from '../../dataplane/rings/fabric';
import type { DataplaneHost, DataplaneOptions, FrameWriter } from './dataplane-host';
import { InlineNodes } from './inline-nodes';
import { WorldSide } from './world-side';

/** Entries of each ring between a group and a node. */
export const RING_CAPACITY = 4096;

/** All nodes in this thread, stepped: deterministic. */
export class InlineHost extends InlineNodes implements DataplaneHost {
  private readonly world: WorldSide;
  private readonly fabric: Fabric;

  constructor(options: DataplaneOptions) {
    const arena = Arena.create({ slots: options.slots, bytes: options.bytes });
    const fabric = Fabric.create(arena, 1, RING_CAPACITY);
    super(arena, fabric, options);
    this.fabric = fabric;
    this.world = new WorldSide(arena, fabric, options.output);
  }

  override async install(published: PublishedTopology): Promise<void> {
    await super.install(published);
    this.world.install(published);
  }

  setReachable(node: NodeRef, reachable: boolean): void {
    this.world.setReachable(node, reachable);
  }

  inject(network: number, at: Micros, frameNo: number, write: FrameWriter): boolean {
    return this.world.inject(network, at, frameNo, write);
  }

  push(): void {
    this.world.publish();
  }

  async settle(now: Micros): Promise<void> {
    this.world.publish();
    do {
      this.service.run(now);
      this.world.drain();
    } while (!this.fabric.quiescent());
  }

  async tick(now: Micros): Promise<void> {
    this.service.execute({ op: 'tick', now });
  }

  async close(): Promise<void> {}
}
