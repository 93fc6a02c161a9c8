import { createHmac } from 'node:crypto';
import {
  clusterOf,
  nodeOf,
  nodeRef,
  type ClusterId,
  type Micros,
  type NodeId,
  type NodeRef,
} from '../../domain/base/ids';
import type { Arena } from '../frames/arena';
import {
  N_ALIVE,
  N_EPOCH,
  N_KEY,
  N_KEYS,
  N_KEY_PREVIOUS,
  N_MAC,
  N_PREVIOUS_UNTIL,
  NODE_SIZE,
  S_OFF,
  S_TO,
} from '../frames/layout';

/** How long frames signed under the previous key epoch are still believed. */
export const PREVIOUS_KEY_LIFE_US: Micros = 60_000_000;

/** First four bytes of every MAC address on the grid: locally administered, unicast. */
const MAC_PREFIX = [0x02, 0xf1, 0x60, 0x00];

/**
 * A node's SipHash key: the first 16 bytes of HMAC-SHA-256(secret, "flowgrid node <cluster>/<node> epoch <epoch>").
 * @param secret the grid's 32 bytes
 * @param epoch key epoch, from 1
 */
export function nodeKey(secret: Uint8Array, cluster: ClusterId, node: NodeId, epoch: number): Uint8Array {
  const text = `flowgrid node ${cluster}/${node} epoch ${epoch}`;
  return new Uint8Array(createHmac('sha256', secret).update(text).digest().subarray(0, 16));
}

/** A node's one MAC address on the grid: 02:f1:60:00:cluster:node. */
export function macOf(ref: NodeRef): Uint8Array {
  return Uint8Array.of(...MAC_PREFIX, clusterOf(ref), nodeOf(ref));
}

/** The node whose MAC address begins at `at`; 0 if it is not one of the grid's form. */
export function refOfMac(bytes: Uint8Array, at = 0): NodeRef {
  let ours = true;
  for (let i = 0; i < MAC_PREFIX.length; i++) if (bytes[at + i] !== MAC_PREFIX[i]) ours = false;
  const cluster = bytes[at + 4];
  const node = bytes[at + 5];
  return ours && cluster >= 1 && node >= 1 && node <= 127 ? nodeRef(cluster, node) : 0;
}

/** `02:f1:60:00:04:02` */
export function macText(bytes: Uint8Array, at = 0): string {
  return Array.from(bytes.subarray(at, at + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/**
 * Makes a node known to the kernels of this arena: its MAC address and its key. Frames it sent under another key are
 * refused from now on; see {@link rotateKey} for a change under traffic.
 */
export function writeNode(arena: Arena, ref: NodeRef, key: Uint8Array, epoch: number): void {
  const entry = arena.node(ref);
  arena.u8.fill(0, entry, entry + NODE_SIZE);
  arena.u8.set(macOf(ref), entry + N_MAC);
  arena.u8.set(key, entry + N_KEY);
  arena.u32[(entry + N_EPOCH) >>> 2] = epoch;
  arena.u8[entry + N_ALIVE] = 1;
  arena.u8[entry + N_KEYS] = 1;
}

/** Gives a node the key of a new epoch; its present one verifies until `now` + {@link PREVIOUS_KEY_LIFE_US}. */
export function rotateKey(arena: Arena, ref: NodeRef, key: Uint8Array, epoch: number, now: Micros): void {
  const entry = arena.node(ref);
  arena.u8.copyWithin(entry + N_KEY_PREVIOUS, entry + N_KEY, entry + N_KEY + 16);
  arena.f64[(entry + N_PREVIOUS_UNTIL) >>> 3] = now + PREVIOUS_KEY_LIFE_US;
  arena.u8.set(key, entry + N_KEY);
  arena.u32[(entry + N_EPOCH) >>> 2] = epoch;
  arena.u8[entry + N_KEYS] = 2;
}

/**
 * Addresses a sealed frame to another node: its destination MAC and S_TO. Nothing else of a sealed frame depends on
 * the receiver, so that a copy for a backup need not be sealed again.
 */
export function readdress(arena: Arena, slot: number, to: NodeRef): void {
  const { u8 } = arena;
  const frame = slot + arena.u32[(slot + S_OFF) >>> 2];
  const mac = arena.node(to) + N_MAC;
  for (let i = 0; i < 6; i++) u8[frame + i] = u8[mac + i];
  arena.u16[(slot + S_TO) >>> 1] = to;
}
