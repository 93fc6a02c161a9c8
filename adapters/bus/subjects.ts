import { FlowgridError } from '../../domain/base/errors';

/**
 * The subjects of one grid (DESIGN section 8). Names become tokens: what a token may not hold is percent-encoded, so
 * that a node `AB-2` is `flowgrid.<grid>.node.AB-2.hello` and no name can break out of its place. `ANY` in the place
 * of a name makes a pattern for all of them.
 */
export interface Subjects {
  /** A node's sign of life to the control plane. */
  nodeHello(node: string): string;
  /** How a node stands, as the leader tells it. */
  nodeStatus(node: string): string;
  /** Commands for whoever leads, who alone answers. */
  mnodeCommand(): string;
  /** What is asked of workflows, and of the clusters that they change; whoever leads alone answers. */
  mnodeWorkflow(): string;
  /** A call to every MNODE to say how it stands, which it also does by itself every second. */
  mnodeAsk(): string;
  /** How an MNODE stands: role, seq, hash, epoch, how far behind. */
  mnodeStatus(name: string): string;
  /** An agent's sign of life, and its nodes'. */
  agentHello(agent: string): string;
  /** What an agent asks whoever leads: registration, how things are, topologies, flow batches. */
  agentReply(agent: string): string;
  /** What collectors ask an agent that hosts nodes. */
  agentProbe(agent: string): string;
  /** Announcements of new topologies, to all: `{version, seq, hash}`. */
  topology(): string;
  /** A flow began at a node: to its downstream neighbours and siblings. */
  flowStarted(node: string): string;
  flowEnded(node: string): string;
  /** Statistics, every second, as JSON. */
  statsGrid(): string;
  statsCluster(cluster: string): string;
  statsNode(node: string): string;
  /** An agent's ports. */
  statsAgent(agent: string): string;
  statsLink(link: string): string;
  statsType(flowType: number): string;
  statsFlow(node: string): string;
  /** What an operator has to know now. */
  alert(): string;
  /** Every subject of the grid. */
  all(): string;
}

/** Stands for every name in one place of a pattern. */
export const ANY = '*';

/** The largest message that every bus carries, in bytes; larger things travel in chunks. */
export const PAYLOAD_BYTES_MAX = 1_000_000;

/** The subjects of the named grid. */
export function subjectsOf(grid: string): Subjects {
  const root = `flowgrid.${encodeToken(grid)}`;
  const of = (room: string, name: string, leaf = ''): string =>
    `${root}.${room}.${name === ANY ? ANY : encodeToken(name)}${leaf}`;
  return {
    nodeHello: (node) => of('node', node, '.hello'),
    nodeStatus: (node) => of('node', node, '.status'),
    mnodeCommand: () => `${root}.mnode.command`,
    mnodeWorkflow: () => `${root}.mnode.workflow`,
    mnodeAsk: () => `${root}.mnode.ask`,
    mnodeStatus: (name) => of('mnode', name, '.status'),
    agentHello: (agent) => of('agent', agent, '.hello'),
    agentReply: (agent) => of('agent', agent, '.reply'),
    agentProbe: (agent) => of('agent', agent, '.probe'),
    topology: () => `${root}.topology`,
    flowStarted: (node) => of('flow', node, '.started'),
    flowEnded: (node) => of('flow', node, '.ended'),
    statsGrid: () => `${root}.stats.grid`,
    statsCluster: (cluster) => of('stats.cluster', cluster),
    statsNode: (node) => of('stats.node', node),
    statsAgent: (agent) => of('stats.agent', agent),
    statsLink: (link) => of('stats.link', link),
    statsType: (flowType) => of('stats.type', String(flowType)),
    statsFlow: (node) => of('stats.flow', node),
    alert: () => `${root}.alert`,
    all: () => `${root}.>`,
  };
}

/** The name in a `node` or `flow` subject: the sender of `flowgrid.<grid>.node.<name>.hello`; undefined in others. */
export function nodeOfSubject(subject: string): string | undefined {
  const [, , room, name, leaf] = subject.split('.');
  return (room === 'node' || room === 'flow') && name !== undefined && leaf !== undefined
    ? decodeURIComponent(name)
    : undefined;
}

/** The name in an `agent` subject: the sender of `flowgrid.<grid>.agent.<name>.hello`; undefined in others. */
export function agentOfSubject(subject: string): string | undefined {
  const [, , room, name, leaf] = subject.split('.');
  return room === 'agent' && name !== undefined && leaf !== undefined ? decodeURIComponent(name) : undefined;
}

/**
 * A name as one subject token: ASCII without dots, spaces and wildcards, decoded by `decodeURIComponent`.
 *
 * @throws FlowgridError `usage` for an empty name or one with half a surrogate pair, which have no encoding.
 */
export function encodeToken(name: string): string {
  if (name === '' || LONE_SURROGATE.test(name))
    throw new FlowgridError('usage', `no subject token: ${JSON.stringify(name)}`);
  return encodeURIComponent(name).replace(/[.*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** With the `u` flag a class of surrogates matches only those that are not part of a pair. */
const LONE_SURROGATE = /[\uD800-\uDFFF]/u;
