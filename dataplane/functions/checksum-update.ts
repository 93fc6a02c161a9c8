/**
 * Incremental Internet checksums (RFC 1624, equation 3): a checksum is corrected for what changed instead of being
 * computed again, so that a frame whose checksum was wrong stays wrong, as it would without us.
 */

/**
 * Corrects a checksum for one 16-bit word that changed from `before` to `after`.
 *
 * @param checksum as it stands in the packet
 * @returns as it has to stand there now
 */
export function updateChecksum(checksum: number, before: number, after: number): number {
  let sum = (~checksum & 0xffff) + (~before & 0xffff) + (after & 0xffff);
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Internet checksum (RFC 1071) over `length` bytes at `at`, added to the partial sum `initial`. */
export function internetChecksum(bytes: Uint8Array, at: number, length: number, initial = 0): number {
  let sum = initial;
  const even = at + (length & ~1);
  for (let i = at; i < even; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  if ((length & 1) !== 0) sum += bytes[even] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
