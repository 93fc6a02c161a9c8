import { pack, unpack } from '../../adapters/codec/pack';
import { encodePublication } from '../../adapters/codec/topology-announcement';
import { CLUSTER_ID_MAX, NODE_ID_MAX, nodeRef, type NodeRef } from '../../domain/base/ids';
import type { Bus } from '../../domain/seams/bus';
import type { PublishedTopology } from '../../domain/topology/topology';
import type { ControlPlane } from './control-plane';
import type { Alert } from './effects';
import type { TopologyListener, WireMove } from './publication';

/** The subjects that the control plane uses; adapters/bus names them for a grid. */
export interface ControlSubjects {
  /** With `*`: the hellos of all nodes. */
  nodeHello(node: string): string;
  topology(): string;
  alert(): string;
}

/** A hello as it travels: `[cluster, node, incarnation]` in MessagePack. */
export function encodeHello(cluster: number, node: number, incarnation: number): Uint8Array {
  return pack([cluster, node, incarnation]);
}

/** A hello from untrusted bytes; undefined if it is none. */
export function decodeHello(bytes: Uint8Array): { readonly ref: NodeRef; readonly incarnation: number } | undefined {
  const fields = unpacked(bytes);
  if (!Array.isArray(fields) || fields.length !== 3 || !fields.every(Number.isSafeInteger)) return undefined;
  const [cluster, node, incarnation] = fields as [number, number, number];
  if (cluster < 1 || cluster > CLUSTER_ID_MAX || node < 1 || node > NODE_ID_MAX || incarnation < 1) return undefined;
  return { ref: nodeRef(cluster, node), incarnation };
}

function unpacked(bytes: Uint8Array): unknown {
  try {
    return unpack(bytes);
  } catch {
    return undefined;
  }
}

/** Hellos from the bus into the control plane. */
export interface HelloIntake {
  /** Messages that were no hello. */
  readonly malformed: number;
  close(): void;
}

/** Feeds the hellos on the bus to the control plane. The bus may lose, repeat and reorder them. */
export function listenForHellos(plane: ControlPlane, bus: Bus, subjects: ControlSubjects): HelloIntake {
  let malformed = 0;
  const subscription = bus.subscribe(subjects.nodeHello('*'), (payload) => {
    const hello = decodeHello(payload);
    if (hello === undefined) malformed++;
    else plane.hello(hello.ref, hello.incarnation);
  });
  return {
    get malformed() {
      return malformed;
    },
    close: () => subscription.unsubscribe(),
  };
}

/**
 * Announces topologies on the bus, as JSON `{kind, …}`. Whoever misses an announcement asks for what holds, so that one
 * that is lost costs time and nothing else.
 */
export class BusAnnouncer implements TopologyListener {
  constructor(
    private readonly bus: Bus,
    private readonly subjects: ControlSubjects,
  ) {}

  published(published: PublishedTopology, epoch?: number): void {
    this.bus.publish(this.subjects.topology(), encodePublication(published, epoch));
  }

  applied(version: number, wireId: number): void {
    this.announce({ kind: 'applied', version, wireId });
  }

  repin(move: WireMove): void {
    this.announce({ kind: 'repin', ...move });
  }

  retiring(version: number, wireId: number): void {
    this.announce({ kind: 'retiring', version, wireId });
  }

  retired(version: number, wireId: number): void {
    this.announce({ kind: 'retired', version, wireId });
  }

  alert(alert: Alert): void {
    publishAlert(this.bus, this.subjects, alert);
  }

  private announce(message: object): void {
    this.bus.publish(this.subjects.topology(), encoder.encode(JSON.stringify(message)));
  }
}

/** Publishes an alert, as JSON. */
export function publishAlert(bus: Bus, subjects: Pick<ControlSubjects, 'alert'>, alert: Alert): void {
  bus.publish(subjects.alert(), encoder.encode(JSON.stringify(alert)));
}

const encoder = new TextEncoder();
