/**
 * The per-packet kernels over the shared memory, as dataplane/kernels/kernels.ts describes them. No allocation, no
 * mutable globals, no data of their own: one compiled module serves every thread and every arena.
 */
import { fold, onesSum, sip } from './sip';

export { areKnown, areLeaving, arePlain, divide, haveHops, survey } from './batch';
export { copySealed, copySlot, pack, unpack } from './copy';
export { parse } from './parse';
export { lookupConnections, lookupFlows } from './lookup';
export { admit, advance, stamp } from './flow';
export { open, seal } from './wire';

/** Kernel `sipHash`. */
export function sipHash(key: usize, address: usize, length: u32, out: usize): void {
  const hash = sip(load<u64>(key), load<u64>(key, 8), address, length, u64.MAX_VALUE, u64.MAX_VALUE);
  store<u64>(out, bswap<u64>(hash));
}

/** Kernel `checksum`. */
export function checksum(address: usize, length: u32): u32 {
  return <u32>bswap<u16>(<u16>~fold(onesSum(address, length)));
}
