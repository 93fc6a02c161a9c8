import type { AgentOffer } from '../../domain/agent/state';
import { CLUSTER_ID_MAX, NODE_ID_MAX } from '../../domain/base/ids';
import type { PackageDigest } from '../../domain/package/state';
import type { PublishedTopology } from '../../domain/topology/topology';
import { pack, packMessage, unpack } from './pack';
import { isBytes, isCount, isFlag, isListOf, isOneOf, isRecordOf, isText, type Shape, type Shaped } from './shape';

/*
 * What agents and MNODEs tell each other over the control bus (docs/reference/bus.md), as MessagePack objects. Whatever
 * arrives is untrusted: a decoder gives undefined for what is not exactly one of these messages.
 */

/** Bytes of a topology in one answer. */
export const CHUNK_BYTES = 512 * 1024;
/** Bytes of a topology in all, beyond which an agent believes no answer. */
export const TOPOLOGY_BYTES_MAX = 64 * 1024 * 1024;
/** Nodes, names and versions that one message lists, at most. */
const LIST_MAX = 4_096;
/** Wire IDs bound how many topologies can be live. */
const LIVE_MAX = 255;
/** Characters of a name. */
const NAME_MAX = 256;
/** Characters of a function's name and configuration as JSON. */
const FUNCTION_TEXT_MAX = 65_536;
const BATCH_BYTES_MAX = 950_000;

const isName: Shape<string> = (value): value is string =>
  typeof value === 'string' && value !== '' && value.length <= NAME_MAX;
const isHash = isText(64);
const isCluster: Shape<number> = (value): value is number => isCount(value) && value >= 1 && value <= CLUSTER_ID_MAX;
const isNode: Shape<number> = (value): value is number => isCount(value) && value >= 1 && value <= NODE_ID_MAX;
const isIncarnation: Shape<number> = (value): value is number => isCount(value) && value >= 1;

const isOffer: Shape<AgentOffer> = isRecordOf({
  address: isName,
  capacity: isCount,
  functions: isListOf(isName, LIST_MAX),
  networks: isListOf(isName, LIST_MAX),
  pinned: isListOf(isName, LIST_MAX),
});

const isLife = isRecordOf({ cluster: isCluster, node: isNode, incarnation: isIncarnation });

/** A life of a node that the agent hosts. */
export type ToldLife = Shaped<typeof isLife>;

const isHello = isRecordOf({ agent: isName, life: isCount, nodes: isListOf(isLife, LIST_MAX) });

/** An agent's sign of life, and its nodes'. */
export type AgentHello = Shaped<typeof isHello>;

const isInstalled = isRecordOf({ count: isCount, digest: isHash });

/** The interfaces of links that an agent's port on the LAN has: how many, and the hash of what they are. */
export type InstalledLinks = Shaped<typeof isInstalled>;

const isReportOfAll = isRecordOf({
  /** Counts the reports of this process: an older one that arrives later is not looked at. */
  number: isCount,
  /** The leader's time in the newest answer that had come before the flows were counted; 0 = none. */
  heard: isCount,
  nodes: isListOf(isLife, LIST_MAX),
  /** The newest topology that all of them installed; 0 = none. */
  installed: isCount,
  /** Versions that they hold nothing of, and never will. */
  done: isListOf(isCount, LIVE_MAX),
  /** The version that its FNODEs stamped when `carried` was looked at; 0 = none. */
  stamped: isCount,
  /** Versions whose wire IDs live flows of its FNODEs carry. */
  carried: isListOf(isCount, LIVE_MAX),
  /** Members that its nodes hold dead. */
  dead: isListOf(isLife, LIST_MAX),
  /** Present or former neighbours that its nodes have not heard in the last detection time, in the latest lives known of them. */
  mute: isListOf(isLife, LIST_MAX),
  /** How many live flows have a draining node as primary and as backup. */
  flows: isListOf(isRecordOf({ cluster: isCluster, node: isNode, primary: isCount, backup: isCount }), LIST_MAX),
});

const isReport: Shape<Shaped<typeof isReportOfAll> & { readonly links?: InstalledLinks }> = (
  value,
): value is Shaped<typeof isReportOfAll> & { readonly links?: InstalledLinks } => {
  if (!isReportOfAll(value)) return false;
  const { links } = value as { readonly links?: unknown };
  return links === undefined || isInstalled(links);
};

/** All that an agent has to tell: how things are, not what changed, so that one report makes up for all that were lost. */
export type AgentReport = Shaped<typeof isReport>;

/** In every request: who asks, in which process, and the newest head it knows, from which a deposed leader learns that. */
const asker = { agent: isName, life: isCount, epoch: isCount, seq: isCount };

const isRequest = {
  register: isRecordOf({ kind: isOneOf('register'), ...asker, offer: isOffer }),
  sync: isRecordOf({ kind: isOneOf('sync'), ...asker, report: isReport }),
  fetch: isRecordOf({ kind: isOneOf('fetch'), ...asker, version: isCount, offset: isCount }),
  bundle: isRecordOf({ kind: isOneOf('bundle'), ...asker, sha256: isHash, offset: isCount }),
  batch: isRecordOf({ kind: isOneOf('batch'), ...asker, bytes: isBytes(BATCH_BYTES_MAX) }),
};

/** What an agent asks whoever leads. */
export type AgentRequest = {
  [Kind in keyof typeof isRequest]: Shaped<(typeof isRequest)[Kind]>;
}[keyof typeof isRequest];
export type AgentRequestOf<Kind extends AgentRequest['kind']> = Extract<AgentRequest, { kind: Kind }>;

/** In every answer: the head of the log as whoever answers knows it. */
const head = { epoch: isCount, seq: isCount, hash: isHash };

const isLive = isRecordOf({ version: isCount, wireId: isCount, seq: isCount });
const isMove = isRecordOf({ version: isCount, toVersion: isCount, modes: isFlag });
const isPlaced = isRecordOf({
  cluster: isCluster,
  node: isNode,
  incarnation: isIncarnation,
  role: isOneOf('inode', 'anode'),
  /** As people call it: `AB-2`. */
  name: isName,
  draining: isFlag,
  /** The function that it runs, as JSON, where that is of a package; else empty. */
  function: isText(FUNCTION_TEXT_MAX),
});

const isDigest: Shape<PackageDigest> = isRecordOf({ name: isName, version: isName, sha256: isHash, bytes: isCount });

/** A node that the agent is to host. */
export type PlacedLife = Shaped<typeof isPlaced>;

const isAnswer = {
  register: isRecordOf({ kind: isOneOf('register'), ...head, accepted: isFlag, why: isText(1_000) }),
  sync: isRecordOf({
    kind: isOneOf('sync'),
    ...head,
    /** `unknown`: register first; `replaced`: a newer process of that name has taken its place. */
    standing: isOneOf('known', 'unknown', 'replaced'),
    /** Number of the report that this answers. */
    number: isCount,
    /** The leader's clock. */
    now: isCount,
    /** Topologies that flows may live under, oldest first. */
    live: isListOf(isLive, LIVE_MAX),
    /** The one that FNODEs stamp; 0 = none yet. */
    stamped: isCount,
    /** To be forgotten, and said so. */
    retiring: isListOf(isCount, LIVE_MAX),
    /** Flows that are to carry another topology's wire ID. */
    repins: isListOf(isMove, LIVE_MAX),
    nodes: isListOf(isPlaced, LIST_MAX),
    /** The packages that their functions are of. */
    packages: isListOf(isDigest, LIST_MAX),
  }),
  /** A part of a package's bundle; `total` 0 = there is none with that hash. */
  bundle: isRecordOf({
    kind: isOneOf('bundle'),
    ...head,
    sha256: isHash,
    total: isCount,
    offset: isCount,
    bytes: isBytes(CHUNK_BYTES),
  }),
  fetch: isRecordOf({
    kind: isOneOf('fetch'),
    ...head,
    version: isCount,
    /** Bytes in all; 0 = the topology is not live. */
    total: isCount,
    digest: isHash,
    offset: isCount,
    bytes: isBytes(CHUNK_BYTES),
  }),
  batch: isRecordOf({
    kind: isOneOf('batch'),
    ...head,
    chain: isName,
    number: isCount,
    result: isOneOf('appended', 'duplicate', 'gap'),
  }),
};

/** What the leader answers. */
export type AgentAnswer = { [Kind in keyof typeof isAnswer]: Shaped<(typeof isAnswer)[Kind]> }[keyof typeof isAnswer];
export type AgentAnswerOf<Kind extends AgentAnswer['kind']> = Extract<AgentAnswer, { kind: Kind }>;

export function encodeAgentHello(hello: AgentHello): Uint8Array {
  return packMessage(hello);
}

export function decodeAgentHello(bytes: Uint8Array): AgentHello | undefined {
  const value = unpacked(bytes);
  return isHello(value) ? value : undefined;
}

export function encodeAgentRequest(request: AgentRequest): Uint8Array {
  return packMessage(request);
}

export function decodeAgentRequest(bytes: Uint8Array): AgentRequest | undefined {
  const value = unpacked(bytes);
  const shape = shapeOf<AgentRequest>(isRequest, value);
  return shape?.(value) === true ? value : undefined;
}

export function encodeAgentAnswer(answer: AgentAnswer): Uint8Array {
  return packMessage(answer);
}

export function decodeAgentAnswer(bytes: Uint8Array): AgentAnswer | undefined {
  const value = unpacked(bytes);
  const shape = shapeOf<AgentAnswer>(isAnswer, value);
  return shape?.(value) === true ? value : undefined;
}

/** A whole topology, which travels in chunks. */
export function encodePublished(published: PublishedTopology): Uint8Array {
  return pack(published);
}

const isPart = isRecordOf({ id: isCount });
const isMember = isRecordOf({ node: isNode, incarnation: isIncarnation });
const isTopology = isRecordOf({
  version: isCount,
  wireId: isCount,
  seed: isCount,
  timing: isRecordOf({ helloMs: isCount, detectMultiplier: isCount }),
  networks: isListOf(isPart, LIST_MAX),
  clusters: isListOf(isRecordOf({ id: isCluster, members: isListOf(isMember, NODE_ID_MAX) }), CLUSTER_ID_MAX),
  links: isListOf(isPart, 65_536),
  paths: isListOf(isPart, 65_536),
  policies: isListOf(isPart, 65_536),
});
const isPublished = isRecordOf({
  topology: isTopology,
  seq: isCount,
  hash: isHash,
  dead: isListOf(isText(64), 65_536),
});

/** The topology from its whole text; its numbers and lists are checked, its details were checked by who published it. */
export function decodePublished(bytes: Uint8Array): PublishedTopology | undefined {
  return asPublished(unpacked(bytes));
}

/** The topology that untrusted data is; undefined if it is none. */
export function asPublished(value: unknown): PublishedTopology | undefined {
  return isPublished(value) ? (value as unknown as PublishedTopology) : undefined;
}

function shapeOf<Message>(
  shapes: { readonly [kind: string]: Shape<unknown> },
  value: unknown,
): Shape<Message> | undefined {
  const kind = (value as { readonly kind?: unknown } | null | undefined)?.kind;
  return typeof kind === 'string' && Object.hasOwn(shapes, kind) ? (shapes[kind] as Shape<Message>) : undefined;
}

function unpacked(bytes: Uint8Array): unknown {
  try {
    return unpack(bytes);
  } catch {
    return undefined;
  }
}
