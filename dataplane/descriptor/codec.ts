import {
  clusterOf,
  nodeOf,
  type ClusterId,
  type FlowId,
  type NodeId,
  type NodeRef,
  type WireId,
} from '../../domain/base/ids';
import {
  D_CHECKSUM,
  D_COUNT,
  D_FIXED,
  D_FLAGS,
  D_FLOW_ID,
  D_FLOW_TYPE,
  D_INGRESS_TIME,
  D_LIST,
  D_MACS,
  D_MARKER,
  D_SEQUENCE,
  D_SIGNATURE,
  D_WIRE_ID,
  FRAME_MIN,
  MARKER_V1,
  PATH_COUNT_MAX,
  SIGNED_FRAME_BYTES,
} from '../frames/layout';
import type { ReasonName } from '../frames/reasons';
import { macOf, refOfMac } from './node-table';
import { sipHash24 } from './sip-hash';

/** One element of a descriptor's list: a cluster on the flow's path. */
export interface PathElement {
  readonly cluster: ClusterId;
  /** 0 = not chosen yet. */
  readonly node: NodeId;
  /** That cluster has processed the packet. */
  readonly processed: boolean;
}

/** The flow descriptor's fields ([0074] Table 2 and DESIGN section 6), but for those computed on sending. */
export interface DescriptorFields {
  /** The frame's own destination and source MAC, 6 bytes each; put back where the frame is received ([0075]). */
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  /** `DF_*` bits. */
  readonly flags: number;
  readonly wireId: WireId;
  /** 0 = hello and control. */
  readonly flowType: number;
  readonly flowId: FlowId;
  /** Number of the frame in its flow and direction, from 1; 0 = unsequenced. */
  readonly sequence: number;
  /** Microseconds of the ingress node's clock, modulo 2^32. */
  readonly ingressTime: number;
  readonly path: readonly PathElement[];
}

/** A descriptor as read from a frame. */
export interface Descriptor extends DescriptorFields {
  readonly version: number;
  readonly checksum: number;
  readonly signature: bigint;
}

/** A frame without its descriptor, the descriptor, and who sent it. */
export interface OpenedFrame {
  readonly frame: Uint8Array;
  readonly descriptor: Descriptor;
  readonly from: NodeRef;
}

/** Why a frame's descriptor is not believed. */
export type DescriptorError = Extract<
  ReasonName,
  'bad-length' | 'bad-marker' | 'bad-checksum' | 'unknown-sender' | 'bad-signature'
>;
export type Result<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly error: DescriptorError };

/**
 * How a descriptor lies in a frame. Readable and allocating: for slow paths, tools and tests; the kernels do the same
 * per packet, and are tested against this.
 */
export interface DescriptorCodec {
  readonly name: string;
  /** Bytes of a descriptor whose path has `count` clusters. */
  length(count: number): number;
  /** Writes a descriptor with zero checksum and signature (the template that kernel `seal` takes); returns its length. */
  encode(fields: DescriptorFields, bytes: Uint8Array, at?: number): number;
  /** Reads the descriptor at the end of `bytes`; checks length, marker and checksum, not the signature. */
  decode(bytes: Uint8Array): Result<{ readonly descriptor: Descriptor; readonly frameLength: number }>;
  /** The frame as `from` sends it to `to`. The fields' MAC addresses are taken from the frame. */
  seal(frame: Uint8Array, fields: DescriptorFields, from: NodeRef, key: Uint8Array, to: NodeRef): Uint8Array;
  /** The frame as it was before {@link seal}. `keyOf` gives the key of a node that may have sent it. */
  open(bytes: Uint8Array, keyOf: (ref: NodeRef) => Uint8Array | undefined): Result<OpenedFrame>;
}

/** The trailer of DESIGN section 6, marker 0xF16 version 1. */
export const trailerV1: DescriptorCodec = {
  name: 'trailer-v1',
  length: (count) => D_FIXED + 2 * count,
  encode,
  decode,
  seal,
  open,
};

function encode(fields: DescriptorFields, bytes: Uint8Array, at = 0): number {
  const { path } = fields;
  const length = D_FIXED + 2 * path.length;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, length);
  bytes.fill(0, at, at + length);
  view.setUint16(D_MARKER, MARKER_V1);
  bytes.set(fields.destination, at + D_MACS);
  bytes.set(fields.source, at + D_MACS + 6);
  view.setUint8(D_FLAGS, fields.flags);
  view.setUint8(D_WIRE_ID, fields.wireId);
  view.setUint16(D_FLOW_TYPE, fields.flowType);
  view.setUint32(D_FLOW_ID, fields.flowId);
  view.setUint32(D_SEQUENCE, fields.sequence);
  view.setUint32(D_INGRESS_TIME, fields.ingressTime % 2 ** 32);
  view.setUint8(D_COUNT, path.length);
  path.forEach(({ cluster, node, processed }, i) => {
    view.setUint8(D_LIST + 2 * i, cluster);
    view.setUint8(D_LIST + 2 * i + 1, (processed ? 0x80 : 0) | node);
  });
  view.setUint8(length - 1, length);
  return length;
}

function decode(bytes: Uint8Array): Result<{ descriptor: Descriptor; frameLength: number }> {
  const length = bytes.length === 0 ? 0 : bytes[bytes.length - 1];
  const frameLength = bytes.length - length;
  if (length < D_FIXED || frameLength < FRAME_MIN) return { ok: false, error: 'bad-length' };
  const tail = bytes.subarray(frameLength);
  const count = tail[D_COUNT];
  if (count > PATH_COUNT_MAX || D_FIXED + 2 * count !== length) return { ok: false, error: 'bad-length' };
  const view = new DataView(tail.buffer, tail.byteOffset, length);
  if (view.getUint16(D_MARKER) !== MARKER_V1) return { ok: false, error: 'bad-marker' };
  if (internetChecksum(tail) !== 0) return { ok: false, error: 'bad-checksum' };
  const descriptor: Descriptor = {
    version: view.getUint16(D_MARKER) & 15,
    checksum: view.getUint16(D_CHECKSUM),
    signature: view.getBigUint64(D_SIGNATURE),
    destination: tail.slice(D_MACS, D_MACS + 6),
    source: tail.slice(D_MACS + 6, D_MACS + 12),
    flags: view.getUint8(D_FLAGS),
    wireId: view.getUint8(D_WIRE_ID),
    flowType: view.getUint16(D_FLOW_TYPE),
    flowId: view.getUint32(D_FLOW_ID),
    sequence: view.getUint32(D_SEQUENCE),
    ingressTime: view.getUint32(D_INGRESS_TIME),
    path: Array.from({ length: count }, (_, i) => pathElement(tail, D_LIST + 2 * i)),
  };
  return { ok: true, descriptor, frameLength };
}

function seal(frame: Uint8Array, fields: DescriptorFields, from: NodeRef, key: Uint8Array, to: NodeRef): Uint8Array {
  const length = D_FIXED + 2 * fields.path.length;
  const bytes = new Uint8Array(frame.length + length);
  bytes.set(frame);
  const macs = { destination: frame.slice(0, 6), source: frame.slice(6, 12) };
  encode({ ...fields, ...macs }, bytes, frame.length);
  const view = new DataView(bytes.buffer, frame.length);
  view.setBigUint64(D_SIGNATURE, signature(bytes, frame.length, key));
  view.setUint16(D_CHECKSUM, internetChecksum(bytes.subarray(frame.length)));
  bytes.set(macOf(to), 0);
  bytes.set(macOf(from), 6);
  return bytes;
}

function open(bytes: Uint8Array, keyOf: (ref: NodeRef) => Uint8Array | undefined): Result<OpenedFrame> {
  const decoded = decode(bytes);
  if (!decoded.ok) return decoded;
  const { descriptor, frameLength } = decoded;
  const from = refOfMac(bytes, 6);
  const key = from === 0 ? undefined : keyOf(from);
  if (key === undefined) return { ok: false, error: 'unknown-sender' };
  if (signature(bytes, frameLength, key) !== descriptor.signature) return { ok: false, error: 'bad-signature' };
  const frame = bytes.slice(0, frameLength);
  frame.set(descriptor.destination, 0);
  frame.set(descriptor.source, 6);
  return { ok: true, frame, descriptor, from };
}

/**
 * The packet signature: over the descriptor with checksum and signature zero, the frame's length without it (2 bytes),
 * and up to 64 bytes of the frame from offset 12 on.
 */
function signature(bytes: Uint8Array, frameLength: number, key: Uint8Array): bigint {
  const length = bytes.length - frameLength;
  const signed = bytes.subarray(12, Math.min(frameLength, 12 + SIGNED_FRAME_BYTES));
  const message = new Uint8Array(length + 2 + signed.length);
  message.set(bytes.subarray(frameLength));
  message.fill(0, D_CHECKSUM, D_MACS);
  new DataView(message.buffer).setUint16(length, frameLength);
  message.set(signed, length + 2);
  return sipHash24(key, message);
}

function pathElement(bytes: Uint8Array, at: number): PathElement {
  return { cluster: bytes[at], node: bytes[at + 1] & 0x7f, processed: bytes[at + 1] >= 0x80 };
}

/** The elements of a path that no cluster has processed yet, for {@link DescriptorFields.path}. */
export function freshPath(refs: readonly NodeRef[]): PathElement[] {
  return refs.map((ref) => ({ cluster: clusterOf(ref), node: nodeOf(ref), processed: false }));
}

/** Internet checksum (RFC 1071): complement of the ones' complement sum of the big-endian 16-bit words. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += i & 1 ? bytes[i] : bytes[i] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
