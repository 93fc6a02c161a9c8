import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Builds capture files byte by byte, in either byte order. */
export class Bytes {
  private readonly parts: number[] = [];
  constructor(readonly little = true) {}

  u16(value: number): this {
    const bytes = [value >>> 8, value & 0xff];
    this.parts.push(...(this.little ? bytes.reverse() : bytes));
    return this;
  }
  u32(value: number): this {
    const bytes = [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
    this.parts.push(...(this.little ? bytes.reverse() : bytes));
    return this;
  }
  raw(bytes: ArrayLike<number>): this {
    for (let i = 0; i < bytes.length; i++) this.parts.push(bytes[i]);
    return this;
  }
  done(): Uint8Array {
    return Uint8Array.from(this.parts);
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** A pcapng block of `type` around `body`, padded, with both lengths. */
export function block(type: number, body: Uint8Array, little = true): Uint8Array {
  const padded = concat(body, new Uint8Array((4 - (body.length % 4)) % 4));
  const length = 12 + padded.length;
  return new Bytes(little).u32(type).u32(length).raw(padded).u32(length).done();
}

export function sectionHeader(little = true): Uint8Array {
  const body = new Bytes(little).u32(0x1a2b3c4d).u16(1).u16(0).u32(0xffff_ffff).u32(0xffff_ffff).done();
  return block(0x0a0d0d0a, body, little);
}

/** An interface description; `options` as (code, bytes). */
export function interfaceBlock(
  linkType: number,
  options: readonly (readonly [number, ArrayLike<number>])[] = [],
  little = true,
  snapLength = 0,
): Uint8Array {
  const body = new Bytes(little).u16(linkType).u16(0).u32(snapLength);
  for (const [code, value] of options) {
    body.u16(code).u16(value.length).raw(value);
    body.raw(new Uint8Array((4 - (value.length % 4)) % 4));
  }
  if (options.length > 0) body.u32(0);
  return block(1, body.done(), little);
}

/** An enhanced packet block. */
export function packetBlock(
  interfaceId: number,
  high: number,
  low: number,
  frame: Uint8Array,
  little = true,
  wireLength = frame.length,
): Uint8Array {
  const body = new Bytes(little).u32(interfaceId).u32(high).u32(low).u32(frame.length).u32(wireLength).raw(frame);
  return block(6, body.done(), little);
}

export function pcapHeader(magic: number, linkType: number, little: boolean): Uint8Array {
  return new Bytes(little).u32(magic).u16(2).u16(4).u32(0).u32(0).u32(65535).u32(linkType).done();
}

export function pcapRecord(
  seconds: number,
  fraction: number,
  frame: Uint8Array,
  little: boolean,
  wire = frame.length,
): Uint8Array {
  return new Bytes(little).u32(seconds).u32(fraction).u32(frame.length).u32(wire).raw(frame).done();
}

/** Runs `use` with the path of a file in a directory of its own, which is removed afterwards. */
export function withDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'flowgrid-capture-'));
  try {
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function withFile<T>(bytes: Uint8Array, use: (path: string) => T): T {
  return withDirectory((directory) => {
    const path = join(directory, 'capture');
    writeFileSync(path, bytes);
    return use(path);
  });
}
