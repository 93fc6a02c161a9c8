import type { Arena } from '../frames/arena';
import type { Kernels } from './kernels';
import { areKnown, areLeaving, arePlain, divide, haveHops, survey } from './twin/batch';
import { copySealed, copySlot, pack, unpack } from './twin/copy';
import { admit, advance, stamp } from './twin/flow';
import { lookupConnections, lookupFlows } from './twin/lookup';
import { parse } from './twin/parse';
import { sipHash24 } from './twin/sip-hash';
import { checksum, open, seal } from './twin/wire';

/**
 * The kernels in plain TypeScript: the same bytes in, the same bytes out as the WebAssembly ones, which are tested
 * against these; several times slower.
 */
export function createTsKernels(arena: Arena): Kernels {
  const { u8, view } = arena;
  const out = new Uint32Array(2);
  return {
    kind: 'ts',
    parse: (list, n, seedLo, seedHi, way) => parse(arena, list, n, seedLo, seedHi, way),
    lookupConnections: (table, list, n) => lookupConnections(arena, table, list, n),
    lookupFlows: (table, list, n) => lookupFlows(arena, table, list, n),
    stamp: (self, list, n) => stamp(arena, self, list, n),
    seal: (self, list, n) => seal(arena, self, list, n),
    open: (self, list, n, nowUs) => open(arena, self, list, n, nowUs),
    admit: (_self, list, n) => admit(arena, list, n),
    advance: (self, list, n) => advance(arena, self, list, n),
    areKnown: (self, list, n) => areKnown(arena, self, list, n),
    arePlain: (list, n) => arePlain(arena, list, n),
    survey: (self, list, n, at) => survey(arena, self, list, n, at),
    divide: (self, list, n, emitting, shadowing) => divide(arena, self, list, n, emitting, shadowing),
    haveHops: (list, n) => haveHops(arena, list, n),
    areLeaving: (self, list, n) => areLeaving(arena, self, list, n),
    copySlot: (source, target) => copySlot(arena, source, target),
    copySealed: (source, target) => copySealed(arena, source, target),
    pack: (slot, to) => pack(arena, slot, to),
    unpack: (from, slot) => unpack(arena, from, slot),
    sipHash(key, address, length, at) {
      sipHash24(u8, key, u8, address, length, out);
      view.setUint32(at, out[1]);
      view.setUint32(at + 4, out[0]);
    },
    checksum: (address, length) => checksum(u8, address, length),
  };
}
