import type { InstalledLinks } from '../../adapters/codec/agent-messages';
import { sha256 } from '../../adapters/codec/hash';
import { parseEndpoint } from '../../domain/base/endpoint';
import { clusterOf, nodeOf, nodeRef, type NodeRef } from '../../domain/base/ids';
import type { IsOver } from '../../domain/link/connected-ends';
import type { LinkInterface } from '../../domain/link/interfaces';
import { interfacesText, liveInterfaces } from '../../domain/link/live-interfaces';
import type { Topology } from '../../domain/topology/topology';
import { loadKernels } from '../../dataplane/kernels/load';
import { LanPort } from '../../dataplane/links/lan-port';
import type { OpenPort, PacketPort, PortListener, PortMemory } from '../../dataplane/packet-ports/port';
import { NodePeers } from '../../dataplane/packet-ports/udp/peers';

/** How a host's nodes reach those of other agents: a port, and what that has to know of topologies. */
export interface HostUnderlay {
  /** See {@link OpenPort}. */
  open(memory: PortMemory, listener: PortListener): Promise<PacketPort>;
  /**
   * Other topologies are live, other nodes live here, or these have found lives of others over.
   *
   * @param topologies newest first
   */
  follow(topologies: readonly Topology[], nodes: readonly NodeRef[], isDead: IsOver): void;
  /** Bytes behind the Ethernet header that a link's frame may have here, where that is bounded. */
  readonly mtu: number | undefined;
  /** What the port has of links, where links are its own; else undefined. */
  links(): LinkFigures | undefined;
  /** Restores what the port has lost of links, or the network interface that it stands on; returns how many interfaces those were. */
  repair(): number;
}

/** The interfaces of links that a port has. */
export interface LinkFigures extends InstalledLinks {
  /** Interfaces that had to be restored since the port was opened. */
  readonly repaired: number;
}

/** By datagrams: every agent reaches every other, where the newest topology says that it is. */
export class DatagramUnderlay implements HostUnderlay {
  private readonly peers = new NodePeers();
  private newest = 0;

  /** @param opener opens the port; `peers` says where each node is */
  constructor(private readonly opener: (peers: NodePeers) => OpenPort) {}

  open(memory: PortMemory, listener: PortListener): Promise<PacketPort> {
    return this.opener(this.peers)(memory, listener);
  }

  follow([newest]: readonly Topology[]): void {
    if (newest === undefined || newest.version <= this.newest) return;
    this.newest = newest.version;
    const addresses = new Map(newest.agents?.map(({ name, address }) => [name, parseEndpoint(address)]));
    for (const { id, members } of newest.clusters) {
      for (const { node, agent } of members) {
        this.peers.place(nodeRef(id, node), agent === undefined ? undefined : addresses.get(agent));
      }
    }
  }

  get mtu(): undefined {
    return undefined;
  }

  links(): undefined {
    return undefined;
  }

  repair(): number {
    return 0;
  }
}

/** By the links themselves, which are VLANs of a LAN: each node here has the interfaces that live topologies say. */
export class LanUnderlay implements HostUnderlay {
  private port: LanPort | undefined;
  private wanted: readonly LinkInterface[] = [];
  /** What the port had when it was told last, and what is told of it. */
  private settled: readonly LinkInterface[] = [];
  private figures: InstalledLinks | undefined;
  private repaired = 0;

  /** @param lan opens the port that is plugged into the LAN switch */
  constructor(private readonly lan: OpenPort) {}

  async open(memory: PortMemory, listener: PortListener): Promise<PacketPort> {
    this.port = new LanPort(memory, loadKernels(memory.arena), await this.lan(memory, listener));
    return this.port;
  }

  follow(topologies: readonly Topology[], nodes: readonly NodeRef[], isDead: IsOver): void {
    this.wanted = liveInterfaces(
      topologies,
      nodes.map((ref) => ({ cluster: clusterOf(ref), node: nodeOf(ref) })),
      isDead,
    );
    this.install();
  }

  get mtu(): number | undefined {
    return this.port?.mtu;
  }

  links(): LinkFigures {
    const { installed = [] } = this.port ?? {};
    if (!isSame(installed, this.settled)) return { ...told(installed), repaired: this.repaired };
    this.figures ??= told(installed);
    return { ...this.figures, repaired: this.repaired };
  }

  repair(): number {
    const restored = (this.port?.mend() === true ? 1 : 0) + this.restore();
    this.repaired += restored;
    return restored;
  }

  private restore(): number {
    const { installed = [] } = this.port ?? {};
    if (isSame(installed, this.settled)) return 0;
    const present = new Set(installed);
    const lost = this.settled.filter((each) => !present.delete(each)).length + present.size;
    this.install();
    return Math.max(lost, 1);
  }

  private install(): void {
    this.port?.install(this.wanted);
    this.settled = this.port?.installed ?? [];
    this.figures = undefined;
  }
}

/** Interfaces that stay as they are are the same objects. */
function isSame(a: readonly LinkInterface[], b: readonly LinkInterface[]): boolean {
  return a.length === b.length && a.every((each, place) => each === b[place]);
}

function told(interfaces: readonly LinkInterface[]): InstalledLinks {
  return { count: interfaces.length, digest: sha256(interfacesText(interfaces)) };
}
