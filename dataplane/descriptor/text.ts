import type { ClusterId, NodeRef } from '../../domain/base/ids';
import { clusterOf, nodeOf } from '../../domain/base/ids';
import {
  DF_END,
  DF_FLOOD,
  DF_FULL_ROUTE,
  DF_REEMITTED,
  DF_REPLICA,
  DF_REVERSE,
  DF_START,
  DF_UNICAST,
} from '../frames/layout';
import { trailerV1, type Descriptor, type PathElement } from './codec';
import { refOfMac } from './node-table';

/** Descriptor flags by their names, in the order of their bits. */
export const FLAG_NAMES: readonly (readonly [flag: number, name: string])[] = [
  [DF_START, 'start'],
  [DF_END, 'end'],
  [DF_UNICAST, 'unicast'],
  [DF_REPLICA, 'replica'],
  [DF_REVERSE, 'reverse'],
  [DF_FULL_ROUTE, 'full_route'],
  [DF_REEMITTED, 'reemitted'],
  [DF_FLOOD, 'flood'],
];

/** How people call what a descriptor has numbers for. */
export interface DescriptorNames {
  /** A cluster's name. */
  cluster(id: ClusterId): string;
  /** A kind of control frame; undefined for one that has no name. */
  control(kind: number): string | undefined;
}

/**
 * What the descriptor of a sealed frame says, in one line for people:
 *
 * `IA-1 to AB-2: flow 0x01abcdef #1 (start, unicast), type 7, topology 9, IA-1* > AB-2 > AC-?`
 *
 * A star stands where the cluster has processed the frame, a question mark where no node is chosen yet. Signatures are
 * not verified.
 */
export function sealedFrameText(bytes: Uint8Array, names: DescriptorNames): string {
  const way = `${nodeText(refOfMac(bytes, 6), names)} to ${nodeText(refOfMac(bytes, 0), names)}`;
  const decoded = trailerV1.decode(bytes);
  return `${way}: ${decoded.ok ? descriptorText(decoded.descriptor, names) : decoded.error}`;
}

function descriptorText(descriptor: Descriptor, names: DescriptorNames): string {
  const { flowId, flowType, flags, sequence, wireId, path } = descriptor;
  if (flowType === 0) return names.control(flowId >>> 24) ?? `control ${flowId >>> 24}`;
  const set = FLAG_NAMES.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => name);
  const flow = `flow 0x${flowId.toString(16).padStart(8, '0')} #${sequence}`;
  const marks = set.length === 0 ? '' : ` (${set.join(', ')})`;
  const hops = path.map((element) => elementText(element, names)).join(' > ');
  return `${flow}${marks}, type ${flowType}, topology ${wireId}, ${hops}`;
}

function elementText({ cluster, node, processed }: PathElement, names: DescriptorNames): string {
  return `${names.cluster(cluster)}-${node === 0 ? '?' : node}${processed ? '*' : ''}`;
}

function nodeText(ref: NodeRef, names: DescriptorNames): string {
  return ref === 0 ? '?' : `${names.cluster(clusterOf(ref))}-${nodeOf(ref)}`;
}
