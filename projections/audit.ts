import {
  clusterOf,
  nodeRef,
  type ChainId,
  type FlowId,
  type Micros,
  type Millis,
  type NodeRef,
  type Seq,
} from '../domain/base/ids';
import type { TopologyEvent } from '../domain/events';
import type { FlowEvent, FlowKeyText } from '../domain/flow/events';
import type { Commit } from '../domain/log/commit';
import { describe, describeFlow, learnNames } from './describe';
import {
  bindingOf,
  effectOf,
  isToldAgain,
  openedBy,
  originOf,
  overAt,
  pinnedAt,
  routeAt,
  type FlowChange,
  type FlowRecord,
} from './flows';
import { reached, type Moment, type When } from './instant';
import { flowName, Names } from './names';

/** Causes followed back from one event, at most. */
const CAUSES_MAX = 16;

/** A commit in words. */
export interface HistoryEntry {
  readonly seq: Seq;
  readonly at: Millis;
  readonly by: string;
  /** The commit that it reacts to; 0 when the command came from outside. */
  readonly cause: Seq;
  readonly corr: string;
  readonly commandId: string;
  readonly events: readonly { readonly type: string; readonly what: string }[];
}

/** A commit as the reason of something, and the reasons of that. */
export interface Because {
  readonly seq: Seq;
  readonly at: Millis;
  readonly what: string;
}

/** One thing that happened to a flow. */
export interface StoryLine {
  readonly at: Micros;
  readonly chain: ChainId;
  readonly type: FlowEvent['type'];
  readonly what: string;
  /** The topology that it was made under. */
  readonly topologySeq: Seq;
  /** The commits that explain it, the nearest first. */
  readonly because: readonly Because[];
}

/** A flow's route in force at a moment, each decision with what explains it. */
export interface RouteStory {
  readonly flow: string;
  readonly type: string;
  readonly key: string;
  /** The moment, no later than the flow's end; null = now, and it lives. */
  readonly at: Micros | null;
  readonly network: string;
  readonly path: string;
  readonly wireId: number;
  readonly topologySeq: Seq;
  readonly route: readonly StopStory[];
  /** Of a secondary flow ([0062]): the flow because of which it was opened, and by the function of which node. */
  readonly secondary?: { readonly primary: string; readonly by: string };
  /** The secondary flows that functions had opened because of it by then. */
  readonly opened?: readonly string[];
  /** Of a clone ([0084]): whose it is, and what was found of it by then. */
  readonly clone?: CloneStory;
}

export interface CloneStory {
  readonly original: string;
  /** What nodes that compared it found, in their words. */
  readonly found: readonly string[];
}

export interface StopStory {
  readonly cluster: string;
  readonly node: string;
  readonly backup: string | null;
  readonly why: string;
  readonly since: Micros;
  readonly because: readonly Because[];
}

/** The `topology` stream in words, with its causes: a fold of the commits, in order. */
export class AuditTrail {
  readonly names = new Names();
  private readonly entries: HistoryEntry[] = [];
  private readonly failures = new Map<NodeRef, Seq[]>();
  private readonly repins = new Map<number, Seq[]>();
  private readonly modeSwitches = new Map<number, Seq[]>();

  apply(commit: Commit<TopologyEvent>): void {
    const { seq, at, by, cause, corr, commandId } = commit;
    const events = commit.events.map((event) => {
      learnNames(this.names, event);
      this.index(event, seq);
      return { type: event.type, what: describe(event, this.names) };
    });
    this.entries.push({ seq, at, by, cause, corr, commandId, events });
  }

  /** What changed from `since` on, up to and including `until`. */
  history(since: When | undefined, until: Moment): HistoryEntry[] {
    const start = this.entries[0]?.at ?? 0;
    return this.entries.filter(
      (entry) => reached(entry, since, start) && entry.seq <= until.seq && entry.at <= until.at,
    );
  }

  entry(seq: Seq): HistoryEntry | undefined {
    return this.entries[seq - (this.entries[0]?.seq ?? 1)];
  }

  /** A commit and what it reacts to, back to the command from outside. */
  causes(seq: Seq): Because[] {
    const because: Because[] = [];
    for (let entry = this.entry(seq); entry !== undefined && because.length < CAUSES_MAX;) {
      const what = entry.events.map((event) => event.what).join('; ');
      because.push({ seq: entry.seq, at: entry.at, what: what === '' ? `${entry.commandId} by ${entry.by}` : what });
      entry = entry.cause === 0 ? undefined : this.entry(entry.cause);
    }
    return because;
  }

  /** What explains a change of a flow: the failure of the node it left, what was asked for, or the topology it was made under. */
  explain(event: FlowChange['event']): Because[] {
    if (event.type === 'FlowRerouted' && event.reason === 'mode') {
      const asked = this.nearest(this.modeSwitches.get(clusterOf(event.to || event.from)), event.effectiveAt);
      if (asked !== undefined) return this.causes(asked);
    } else if (event.type === 'FlowTakenOver' || event.type === 'FlowRerouted') {
      const failure = this.nearest(this.failures.get(event.from), event.effectiveAt);
      if (failure !== undefined) return this.causes(failure);
    }
    if (event.type === 'FlowRepinned') {
      const asked = this.nearest(this.repins.get(event.fromWireId), event.at);
      if (asked !== undefined) return this.causes(asked);
    }
    return this.causes(event.topologySeq);
  }

  /** What made a node fail, the failure nearest to a time; empty if the log tells of none. */
  failureOf(name: string, at: Micros): Because[] {
    for (const [node, seqs] of this.failures) {
      if (this.names.node(node) !== name) continue;
      const failure = this.nearest(seqs, at === Infinity ? Number.MAX_SAFE_INTEGER : at);
      return failure === undefined ? [] : this.causes(failure);
    }
    return [];
  }

  private index(event: TopologyEvent, seq: Seq): void {
    if (event.type === 'NodeFailed') add(this.failures, nodeRef(event.data.cluster, event.data.node), seq);
    if (event.type === 'LiveFlowsSwitched') add(this.modeSwitches, event.data.cluster, seq);
    if (event.type === 'TopologyRepinRequested') add(this.repins, event.data.wireId, seq);
  }

  /** Neighbours act before the control plane makes it official, and the same node can fail again: the nearest in time. */
  private nearest(seqs: readonly Seq[] | undefined, at: Micros): Seq | undefined {
    const distance = (seq: Seq): number => Math.abs((this.entry(seq)?.at ?? 0) * 1_000 - at);
    return seqs?.reduce((best, seq) => (distance(seq) < distance(best) ? seq : best));
  }
}

/** Everything that happened to a flow, in the order in which it took effect; what several nodes told, as the first saw it. */
export function storyOf(record: FlowRecord, trail: AuditTrail): StoryLine[] {
  const { ended, changes } = record;
  const started = originOf(record);
  const lines: StoryLine[] = [];
  const line = (event: FlowEvent, at: Micros, chain: ChainId, because: readonly Because[]): StoryLine => ({
    at,
    chain,
    type: event.type,
    what: describeFlow(event, trail.names),
    topologySeq: event.topologySeq,
    because,
  });
  if (started !== undefined) {
    lines.push(line(started, started.at, record.startedBy ?? '', trail.causes(started.topologySeq)));
  }
  for (const change of changes) {
    const { chain, event } = change;
    if (!isToldAgain(changes, change)) lines.push(line(event, effectOf(event), chain, trail.explain(event)));
  }
  if (ended !== undefined) lines.push(line(ended, ended.at, record.startedBy ?? '', []));
  return lines;
}

/** The route of a flow at a time, with the reason for each node. */
export function routeStory(record: FlowRecord, at: Micros, trail: AuditTrail): RouteStory {
  const { names } = trail;
  const started = originOf(record);
  const moment = Math.min(at, overAt(record));
  const pinned = pinnedAt(record, at);
  const bound = bindingOf(record);
  const opened = openedBy(record).filter((event) => event.at <= at);
  const route = routeAt(record, at).map(({ node, backup, because }): StopStory => {
    const place = because === undefined ? node : placeOf(because, node);
    const common = {
      cluster: names.cluster(place >>> 7),
      node: names.node(node),
      backup: backup === 0 ? null : names.node(backup),
    };
    if (because !== undefined) {
      const { event } = because;
      return { ...common, why: describeFlow(event, names), since: effectOf(event), because: trail.explain(event) };
    }
    const why = `selected when the flow started, under topology ID ${started?.wireId ?? 0}`;
    return { ...common, why, since: started?.at ?? 0, because: trail.causes(started?.topologySeq ?? 0) };
  });
  return {
    flow: flowName(record.flow),
    type: names.type(started?.flowType ?? 0),
    key: keyText(record),
    ...(record.cloned === undefined ? {} : { clone: cloneStory(record, record.cloned.original, at, names) }),
    at: moment === Infinity ? null : moment,
    ...(bound === undefined
      ? { network: names.network(record.started?.network ?? 0), path: names.path(started?.path ?? 0) }
      : {
          network: names.node(bound.by),
          path: `the way of flow ${flowName(bound.parent)}`,
          secondary: { primary: flowName(bound.parent), by: names.node(bound.by) },
        }),
    ...(opened.length === 0 ? {} : { opened: opened.map(({ flow }) => flowName(flow)) }),
    wireId: pinned.wireId,
    topologySeq: pinned.seq,
    route,
  };
}

function cloneStory({ changes }: FlowRecord, original: FlowId, at: Micros, names: Names): CloneStory {
  const found = changes.filter(({ event }) => event.type === 'CloneCompared' && event.at <= at);
  return { original: flowName(original), found: found.map(({ event }) => describeFlow(event, names)) };
}

const PROTOCOLS: { readonly [proto: number]: string } = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6', 132: 'sctp' };

/** A flow's first connection as `trace` reads it: `tcp 10.0.0.1:1234 10.0.0.2:80`. */
export function keyText({ started }: FlowRecord): string {
  return started === undefined ? 'unknown' : endsText(started.key);
}

/** A connection as `trace` reads it. */
export function endsText({ proto, a, aPort, b, bPort }: Omit<FlowKeyText, 'vlan'>): string {
  const end = (address: string, port: number): string => {
    if (aPort === 0 && bPort === 0) return address;
    return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  };
  return `${PROTOCOLS[proto] ?? proto} ${end(a, aPort)} ${end(b, bPort)}`;
}

/** Where a flow that nobody handles any more was handled. */
function placeOf({ event }: FlowChange, node: NodeRef): NodeRef {
  return node === 0 && 'from' in event ? event.from : node;
}

function add<Key>(map: Map<Key, Seq[]>, key: Key, seq: Seq): void {
  const seqs = map.get(key);
  if (seqs === undefined) map.set(key, [seq]);
  else seqs.push(seq);
}
