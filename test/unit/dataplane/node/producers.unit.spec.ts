import { nodeRef } from '../../../../domain/base/ids';
import { nodeKey } from '../../../../dataplane/descriptor/node-table';
import { Arena } from '../../../../dataplane/frames/arena';
import { S_LEN, S_OFF, S_REASON, SLOT_FRAME } from '../../../../dataplane/frames/layout';
import { SlotPool } from '../../../../dataplane/frames/slots';
import { FunctionRegistry } from '../../../../dataplane/functions/registry';
import { loadKernels } from '../../../../dataplane/kernels/kernels';
import { NodeGroup } from '../../../../dataplane/node/node-group';
import { Fabric } from '../../../../dataplane/rings/fabric';

const NODE = nodeRef(5, 1);

/** A node of group 0 among `groups`, whose rings from each of them hold so many frames. */
function withRings(waiting: readonly number[]): { group: NodeGroup; left: () => number[] } {
  const arena = Arena.create({ slots: 4096, bytes: 64 << 20 });
  const fabric = Fabric.create(arena, waiting.length, 1024);
  const slots = new SlotPool(arena);
  const registry = new FunctionRegistry(process.cwd());
  const group = new NodeGroup({
    arena,
    kernels: loadKernels(arena),
    fabric,
    group: 0,
    nodeKey: () => nodeKey(new Uint8Array(32), 5, 1, 1),
    keyEpoch: 1,
    createFunction: (spec, services) => registry.create(spec, services),
    limits: { flows: 64 },
  });
  group.addNode(NODE, 1, 'anode');
  waiting.forEach((n, producer) => {
    const ring = fabric.writer(producer, NODE)!;
    for (let i = 0; i < n; i++) {
      const slot = slots.allocate();
      const address = arena.slot(slot);
      arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
      arena.u32[(address + S_LEN) >>> 2] = 64;
      arena.u16[(address + S_REASON) >>> 1] = 0;
      ring.push(slot);
    }
    fabric.countPublished(producer, ring.publish());
  });
  return { group, left: () => fabric.readers(NODE).map((ring) => ring.waiting) };
}

describe('a node with frames from several groups', () => {
  it.each([[[1000, 1, 1]], [[1, 1000, 1]], [[1, 1, 1000]], [[1000, 1000, 1]]])(
    'FG-426: takes from each in turn, however many one has (%j)',
    (waiting) => {
      const { group, left } = withRings(waiting);
      for (let step = 0; step < waiting.length; step++) group.step(1);
      expect(
        left()
          .slice(0, 3)
          .map((n, i) => n < waiting[i]!),
      ).toEqual([true, true, true]);
    },
  );
});
