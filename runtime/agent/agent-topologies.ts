import { TOPOLOGY_BYTES_MAX, decodePublished, type AgentAnswerOf } from '../../adapters/codec/agent-messages';
import { sha256 } from '../../adapters/codec/hash';
import type { AnnouncedTopology } from '../../adapters/codec/topology-announcement';
import type { Seq, WireId } from '../../domain/base/ids';
import type { PublishedTopology } from '../../domain/topology/topology';
import type { NodeHost } from './dataplane-host';
import type { LeaderLink } from './leader-link';

type Head = AgentAnswerOf<'sync'>;

/** The part of a dataplane that follows topologies. */
export type TopologyHost = Pick<NodeHost, 'install' | 'activate' | 'retire' | 'repin'>;

/** Told when a topology has been installed, and when it is the one that new flows get. */
export interface TopologyEvents {
  installed?(published: PublishedTopology): void;
  stamped?(version: number): void;
}

/**
 * The topologies that the nodes of an agent have, kept as the leader's head says: what is live is fetched and installed,
 * what is stamped is activated, flows are moved, what nothing lives under is forgotten. Driven by heads, so that whoever
 * missed any number of changes has only to hear one; an announcement only spares the question for the next topology.
 */
export class AgentTopologies {
  /** Wire IDs of the installed topologies, by version. */
  private readonly wires = new Map<number, WireId>();
  private readonly forgotten = new Set<number>();
  private readonly moved = new Map<number, Head['repins'][number]>();
  private newestVersion = 0;
  private stampedVersion = 0;
  private newestTopology: PublishedTopology | undefined;
  private latestAnnounced: AnnouncedTopology | undefined;

  constructor(
    private readonly host: TopologyHost,
    private readonly link: LeaderLink,
    private readonly events: TopologyEvents,
  ) {}

  /** The newest version that all nodes installed; 0 = none. */
  get installed(): number {
    return this.newestVersion;
  }

  /** The version that FNODEs stamp; 0 = none. */
  get stamped(): number {
    return this.stampedVersion;
  }

  /** Live versions that nothing is held of. */
  get done(): readonly number[] {
    return [...this.forgotten];
  }

  get newest(): PublishedTopology | undefined {
    return this.newestTopology;
  }

  /** The versions of these wire IDs. */
  versionsOf(wires: Iterable<WireId>): number[] {
    const wanted = new Set(wires);
    return [...this.wires].flatMap(([version, wire]) => (wanted.has(wire) ? [version] : []));
  }

  /** A topology that came with its announcement, from anybody and in any order: {@link next}, or taken where a head names it. */
  announced(announced: AnnouncedTopology): void {
    if (announced.published.topology.version > this.newestVersion) this.latestAnnounced = announced;
  }

  /**
   * The announced topology if no head has to say first what holds: it comes right after the newest one here, the known
   * leadership published it after all that is known of the log, and its wire ID is nobody's.
   */
  get next(): PublishedTopology | undefined {
    if (this.latestAnnounced === undefined) return undefined;
    const { epoch, published } = this.latestAnnounced;
    const { topology, seq } = published;
    const { head } = this.link;
    if (epoch !== head.epoch || seq <= head.seq || topology.version !== this.newestVersion + 1) return undefined;
    return [...this.wires.values()].includes(topology.wireId) ? undefined : published;
  }

  /** Gives a topology to the nodes: {@link next}, or one that a head names. */
  async install(published: PublishedTopology): Promise<void> {
    // What cannot be installed is asked for next time.
    if (this.latestAnnounced?.published === published) this.latestAnnounced = undefined;
    const { version, wireId } = published.topology;
    await this.host.install(published);
    this.wires.set(version, wireId);
    this.newestVersion = version;
    this.newestTopology = published;
    this.events.installed?.(published);
  }

  /** Brings the nodes to what the head says; true if there is something new to tell. */
  async follow(head: Head): Promise<boolean> {
    await this.dropDead(head);
    const hasInstalled = await this.installLive(head);
    const hasActivated = await this.activate(head.stamped);
    for (const move of head.repins) await this.move(move);
    const hasForgotten = await this.forget(head.retiring);
    return hasInstalled || hasActivated || hasForgotten;
  }

  /** What is live no more is gone, before its wire ID can come back under another topology. */
  private async dropDead({ live }: Head): Promise<void> {
    const alive = new Set(live.map(({ version }) => version));
    for (const [version, wire] of [...this.wires]) {
      if (alive.has(version)) continue;
      if (!this.forgotten.has(version)) await this.host.retire(wire);
      this.wires.delete(version);
    }
    for (const version of [...this.forgotten]) if (!alive.has(version)) this.forgotten.delete(version);
    for (const version of [...this.moved.keys()]) if (!alive.has(version)) this.moved.delete(version);
  }

  private async installLive({ live, retiring }: Head): Promise<boolean> {
    let hasInstalled = false;
    for (const { version, seq } of live) {
      if (version <= this.newestVersion) continue;
      // Nothing lives under it any more: it need not be installed to be forgotten.
      if (retiring.includes(version)) continue;
      const published = this.asAnnounced(version, seq) ?? (await this.fetch(version));
      if (published === undefined) return hasInstalled;
      await this.install(published);
      hasInstalled = true;
    }
    return hasInstalled;
  }

  /** The live topology if that is the one that was announced. */
  private asAnnounced(version: number, seq: Seq): PublishedTopology | undefined {
    if (this.latestAnnounced?.epoch !== this.link.head.epoch) return undefined;
    const { published } = this.latestAnnounced;
    return published.topology.version === version && published.seq === seq ? published : undefined;
  }

  private async activate(version: number): Promise<boolean> {
    if (version <= this.stampedVersion || !this.wires.has(version)) return false;
    await this.host.activate(version);
    this.stampedVersion = version;
    this.events.stamped?.(version);
    return true;
  }

  private async move(asked: Head['repins'][number]): Promise<void> {
    const { version, toVersion, modes } = asked;
    const from = this.wires.get(version);
    const to = this.wires.get(toVersion);
    if (from === undefined || to === undefined || this.hasMoved(asked)) return;
    await this.host.repin(from, { version: toVersion, wireId: to, modes });
    this.moved.set(version, asked);
  }

  private hasMoved({ version, toVersion, modes }: Head['repins'][number]): boolean {
    const known = this.moved.get(version);
    return known?.toVersion === toVersion && known.modes === modes;
  }

  private async forget(versions: readonly number[]): Promise<boolean> {
    let hasForgotten = false;
    for (const version of versions) {
      if (this.forgotten.has(version)) continue;
      const wire = this.wires.get(version);
      if (wire !== undefined) await this.host.retire(wire);
      this.forgotten.add(version);
      hasForgotten = true;
    }
    return hasForgotten;
  }

  /** A live topology whole, chunk by chunk; undefined if it did not come, and has to be asked for again. */
  private async fetch(version: number): Promise<PublishedTopology | undefined> {
    const chunks: Uint8Array[] = [];
    let digest: string | undefined;
    for (let offset = 0; ;) {
      const answer = await this.link.ask('fetch', { version, offset });
      if (answer === undefined || answer.version !== version || answer.offset !== offset) return undefined;
      const { total, bytes } = answer;
      digest ??= answer.digest;
      if (total === 0 || total > TOPOLOGY_BYTES_MAX || answer.digest !== digest || bytes.length === 0) return undefined;
      chunks.push(bytes);
      offset += bytes.length;
      if (offset < total) continue;
      const text = Buffer.concat(chunks);
      const published = text.length === total && sha256(text) === digest ? decodePublished(text) : undefined;
      return published?.topology.version === version ? published : undefined;
    }
  }
}
