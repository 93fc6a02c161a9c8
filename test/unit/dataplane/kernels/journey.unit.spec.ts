import { trailerV1 } from '../../../../dataplane/descriptor/codec';
import { macOf, macText } from '../../../../dataplane/descriptor/node-table';
import {
  DF_START,
  DF_UNICAST,
  F_NEXT_FWD,
  F_PACKETS_FWD,
  F_PREV_FWD,
  SF_START,
  S_FLAGS,
  S_FLOW,
  S_FROM,
  S_LEN,
  S_SEQ,
  S_SHADOW,
  S_TO,
} from '../../../../dataplane/frames/layout';
import { loadKernels } from '../../../../dataplane/kernels/kernels';
import { FLOW_ID, PATH, SHADOW, addFlow, createTestGrid, frameOf, keyOf, putFrame, reasonOf } from './test-grid';

describe.each(['ts', 'wasm'] as const)('a frame from ingress to egress (%s kernels)', (kind) => {
  it.each([14, 60, 75, 76, 77, 1514, 16384])(
    'carries %i bytes through four clusters and leaves as it entered',
    (size) => {
      const grid = createTestGrid();
      const { arena, list } = grid;
      const kernels = loadKernels(arena, kind);
      const entry = addFlow(grid);
      const frame = Uint8Array.from({ length: size }, (_, i) => (i * 37 + 2) & 0xfe);
      const slot = putFrame(arena, 0, frame);
      arena.u32[list >>> 2] = 0;
      arena.u32[(slot + S_FLOW) >>> 2] = entry;
      arena.u16[(slot + S_FLAGS) >>> 1] = SF_START;

      kernels.stamp(PATH[0], list, 1);
      expect(reasonOf(arena, slot)).toBe('none');
      expect(arena.u16[(slot + S_TO) >>> 1]).toBe(PATH[1]);
      expect(arena.u16[(slot + S_SHADOW) >>> 1]).toBe(SHADOW);
      kernels.seal(PATH[0], list, 1);
      expect(reasonOf(arena, slot)).toBe('none');
      expect(arena.u32[(slot + S_LEN) >>> 2]).toBe(size + 50);

      const sealed = frameOf(arena, slot);
      expect(macText(sealed)).toBe(macText(macOf(PATH[1])));
      const opened = trailerV1.open(sealed, keyOf);
      if (!opened.ok) throw new Error(opened.error);
      expect(opened.from).toBe(PATH[0]);
      expect(opened.frame).toEqual(frame);
      expect(opened.descriptor).toMatchObject({
        version: 1,
        flags: DF_START | DF_UNICAST,
        wireId: 9,
        flowType: 7,
        flowId: FLOW_ID,
        sequence: 1,
        ingressTime: 1_700_000_000_123_456 % 2 ** 32,
        path: PATH.map((ref, i) => ({ cluster: ref >>> 7, node: ref & 127, processed: i === 0 })),
      });

      kernels.open(PATH[1], list, 1, 0);
      expect(reasonOf(arena, slot)).toBe('none');
      expect(frameOf(arena, slot)).toEqual(frame);
      expect(arena.u16[(slot + S_FROM) >>> 1]).toBe(PATH[0]);
      kernels.lookupFlows(grid.flows.address, list, 1);
      kernels.admit(PATH[1], list, 1);
      expect(reasonOf(arena, slot)).toBe('none');
      expect(arena.u32[(slot + S_SEQ) >>> 2]).toBe(1);
      expect(arena.u16[(entry + F_PREV_FWD) >>> 1]).toBe(PATH[0]);
      expect(arena.u32[(entry + F_PACKETS_FWD) >>> 2]).toBe(2);
      arena.u16[(entry + F_NEXT_FWD) >>> 1] = PATH[2];
      kernels.advance(PATH[1], list, 1);
      kernels.seal(PATH[1], list, 1);
      const again = trailerV1.open(frameOf(arena, slot), keyOf);
      if (!again.ok) throw new Error(again.error);
      expect(again.from).toBe(PATH[1]);
      expect(again.frame).toEqual(frame);
      expect(again.descriptor.path.map((element) => element.processed)).toEqual([true, true, false, false]);
    },
  );
});
