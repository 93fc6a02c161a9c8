import { clusterOf, nodeName, nodeOf, type ChainId, type FlowId, type NodeRef } from '../domain/base/ids';
import type { NodeAddress } from '../domain/node/address';

/** What people call things: `AB-2`, `VN-3`, `0x01abcdef`. Learned from events, kept after the thing itself is gone. */
export class Names {
  private readonly clusters = new Map<number, string>();
  private readonly links = new Map<number, string>();
  private readonly networks = new Map<number, string>();
  private readonly paths = new Map<number, string>();
  private readonly types = new Map<number, string>();

  /** Takes names from what carries them: settings of clusters, links, networks, paths and policies. */
  learn(named: {
    readonly clusters?: readonly { readonly id: number; readonly name: string }[];
    readonly links?: readonly { readonly id: number; readonly name: string }[];
    readonly networks?: readonly { readonly id: number; readonly name: string }[];
    readonly paths?: readonly { readonly id: number; readonly name: string }[];
    readonly policies?: readonly { readonly flowType: number; readonly typeName: string }[];
  }): void {
    for (const { id, name } of named.clusters ?? []) this.clusters.set(id, name);
    for (const { id, name } of named.links ?? []) this.links.set(id, name);
    for (const { id, name } of named.networks ?? []) this.networks.set(id, name);
    for (const { id, name } of named.paths ?? []) this.paths.set(id, name);
    for (const { flowType, typeName } of named.policies ?? []) this.types.set(flowType, typeName);
  }

  cluster(id: number): string {
    return this.clusters.get(id) ?? `cluster ${id}`;
  }

  /** `AB-2`; where the cluster was never named, its numbers: `2/2`. */
  node(ref: NodeRef): string {
    if (ref === 0) return 'nobody';
    const cluster = this.clusters.get(clusterOf(ref));
    return cluster === undefined ? `${clusterOf(ref)}/${nodeOf(ref)}` : nodeName(cluster, nodeOf(ref));
  }

  address({ cluster, node }: NodeAddress): string {
    return this.node((cluster << 7) | node);
  }

  link(id: number): string {
    return this.links.get(id) ?? `link ${id}`;
  }
  network(id: number): string {
    return this.networks.get(id) ?? `network ${id}`;
  }
  path(id: number): string {
    return this.paths.get(id) ?? `path ${id}`;
  }
  type(flowType: number): string {
    return this.types.get(flowType) ?? `type ${flowType}`;
  }
}

/** Flow IDs as people read and type them: `0x01abcdef`. */
export function flowName(flow: FlowId): string {
  return `0x${flow.toString(16).padStart(8, '0')}`;
}

/** The node whose chain it is, as {@link NodeRef}; 0 for a name that is no chain's. */
export function chainNode(chain: ChainId): NodeRef {
  const match = /^(\d+)\/(\d+)@\d+$/.exec(chain);
  return match === null ? 0 : (Number(match[1]) << 7) | Number(match[2]);
}
