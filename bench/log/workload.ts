import type { TopologyEvent } from '../../domain/events';
import type { FlowEvent } from '../../domain/flow/events';
import { NO_HASH, type EventLog, type Head } from '../../domain/seams/event-log';
import { encodeFlowBatch } from '../../adapters/codec/flow-batch';
import { sha256 } from '../../adapters/codec/hash';
import { encodeCommit } from '../../adapters/codec/records';

const BEGIN_MS = 1_700_000_000_000;
const NODES = 24;

/** Flow events in a batch of {@link appendFlowEvents}. */
export const BATCH = 4096;

/** Which nodes the commits of {@link nodeCommits} are about. */
export interface Members {
  readonly cluster: number;
  readonly nodes: number;
}

/** `count` encoded commits after `head`: a node suspected, the same recovered, one a second, by turns. */
export function nodeCommits(
  head: Head,
  count: number,
  members: Members = { cluster: 2, nodes: NODES },
): { readonly records: Uint8Array[]; readonly head: Head } {
  const records: Uint8Array[] = [];
  const epoch = Math.max(1, head.epoch);
  const first = head.seq + 1;
  let { seq, hash, at } = { ...head, at: Math.max(head.at, BEGIN_MS) };
  for (let i = 0; i < count; i++) {
    seq++;
    at += 1000;
    const commandId = `actor/detector/${seq}/0`;
    const events = [nodeEvent(seq - first, at, members)];
    const bytes = encodeCommit({
      seq,
      prev: hash,
      epoch,
      commandId,
      at,
      by: 'actor:detector',
      cause: seq - 1,
      corr: commandId,
      events,
    });
    hash = sha256(bytes);
    records.push(bytes);
  }
  return { records, head: { seq, hash, epoch, at } };
}

function nodeEvent(i: number, at: number, { cluster, nodes }: Members): TopologyEvent {
  const life = { cluster, node: 1 + ((i >> 1) % nodes), incarnation: 1 };
  if (i % 2 === 1) return { type: 'NodeRecovered', v: 1, data: life };
  return { type: 'NodeSuspected', v: 1, data: { ...life, lastSeen: at - 30, dueAt: at + 3000 } };
}

/** The events that make the nodes which {@link nodeCommits} are about. */
export function foundingEvents(): TopologyEvent[] {
  const settings = {
    id: 2,
    name: 'AB',
    role: 'anode',
    failure: 'backup',
    selector: 'hash',
    mode: 'through',
    whenEmpty: 'drop',
    function: { name: 'pass', config: {} },
    originates: false,
  } as const;
  const nodes = Array.from({ length: NODES }, (_, i) => ({ cluster: 2, node: i + 1 }));
  return [
    { type: 'ClusterCreated', v: 1, data: settings },
    ...nodes.flatMap((node): TopologyEvent[] => [
      { type: 'NodeAdmitted', v: 1, data: { ...node, weight: 1, spare: false } },
      { type: 'NodeConfigured', v: 1, data: { ...node, weight: 1 } },
      { type: 'NodeActivated', v: 1, data: { ...node, incarnation: 1, fnode: 0 } },
    ]),
  ];
}

/** Flow number `i` of a stream: half of the events begin a flow, half end one. */
export function flowEvent(i: number): FlowEvent {
  const flow = Math.imul(i >> 1, 0x9e3779b1) >>> 0;
  const at = BEGIN_MS * 1000 + i * 97;
  if (i % 2 === 1) {
    return { type: 'FlowEnded', at, flow, topologySeq: 12, end: 'fin', packets: [12, 15], bytes: [1490, 18_300] };
  }
  return {
    type: 'FlowStarted',
    at,
    flow,
    topologySeq: 12,
    observedAs: 'ingress',
    flowType: 1 + (i % 5),
    wireId: 1,
    network: 1,
    key: {
      proto: 6,
      a: `10.0.${(i >> 8) & 7}.${i & 255}`,
      aPort: 32_768 + (i % 28_000),
      b: '192.0.2.10',
      bPort: 443,
      vlan: 0,
    },
    path: 1,
    route: [129, 257 + (i % 3), 385 + (i % 2), 513],
    backups: [0, 257 + ((i + 1) % 3), 0, 0],
    start: 'syn',
  };
}

/** Appends a chain of `count` events, in which every flow that begins ends. */
export async function appendFlowEvents(log: EventLog, chain: string, count: number): Promise<void> {
  let prev = NO_HASH;
  for (let number = 1; (number - 1) * BATCH < count; number++) {
    const first = (number - 1) * BATCH;
    const events = Array.from({ length: Math.min(BATCH, count - first) }, (_, i) => flowEvent(first + i));
    const record = encodeFlowBatch({ chain, number, prev, lost: 0, events });
    await log.appendFlows(record);
    prev = sha256(record.bytes);
  }
}
