import type { Endpoint } from '../../domain/base/endpoint';
import type { FailurePolicy, LinkDirection, LinkKind } from '../../domain/topology/topology';
import type { When } from './when';

/**
 * What the command line needs done. The command line parses and explains; the programs (runtime/programs) do the work
 * and resolve with the exit code. A program reports what the user must know by rejecting with a FlowgridError.
 */
export interface Programs {
  up(options: UpOptions, io: Io): Promise<number>;
  classify(options: ClassifyOptions, io: Io): Promise<number>;
  validate(options: ValidateOptions, io: Io): Promise<number>;
  trace(options: TraceOptions, io: Io): Promise<number>;
  audit(options: AuditOptions, io: Io): Promise<number>;
  log(options: LogOptions, io: Io): Promise<number>;
  check(options: CheckOptions, io: Io): Promise<number>;
  link(options: LinkOptions, io: Io): Promise<number>;
  arrangeLinks(options: ArrangeLinksOptions, io: Io): Promise<number>;
  probe(options: ProbeOptions, io: Io): Promise<number>;
  migrate(options: MigrateOptions, io: Io): Promise<number>;
  mnode(options: MnodeOptions, io: Io): Promise<number>;
  agent(options: AgentProgramOptions, io: Io): Promise<number>;
  status(options: StatusOptions, io: Io): Promise<number>;
  stats(options: StatsOptions, io: Io): Promise<number>;
  submit(options: SubmitOptions, io: Io): Promise<number>;
  replicate(options: ReplicateOptions, io: Io): Promise<number>;
  package(options: PackageOptions, io: Io): Promise<number>;
  start(options: StartOptions, io: Io): Promise<number>;
  scale(options: ScaleOptions, io: Io): Promise<number>;
  workflow(options: WorkflowOptions, io: Io): Promise<number>;
  play(options: PlayOptions, io: Io): Promise<number>;
  record(options: RecordOptions, io: Io): Promise<number>;
}

/** Exit codes of every command: a contract that scripts depend on. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  differences: 3,
  findings: 4,
  notFound: 5,
  timeout: 6,
  interrupted: 130,
} as const;

/** The terminal, injected. */
export interface Io {
  /** Writes one line to stdout: results, and with `--json` documents or JSON lines, nothing else. */
  out(line: string): void;
  /** Writes one line to stderr: progress and errors. */
  err(line: string): void;
  /** Writes to stderr as it is, without a line end: for a live status on a terminal. */
  paint(text: string): void;
  /** Whether stderr is a terminal, so that a live status can be painted. */
  readonly isTerminal: boolean;
  /** Columns of the terminal; 80 where there is none. */
  columns(): number;
  /** Aborted by the first Ctrl-C (or SIGTERM): the program ends soon and resolves with `EXIT.interrupted`. */
  readonly interrupted: AbortSignal;
}

/** Options that every command takes. */
export interface CommonOptions {
  /** One JSON document, or JSON lines, on stdout. */
  readonly json: boolean;
  /** The data directory: event log, key, socket. */
  readonly data: string;
  /** File that says how servers are reached that do not let everybody in; absent: they do. */
  readonly connections?: string;
}

/** What happens to a node when a share of the capture's frames has been fed in. */
export interface NodeAtFraction {
  /** Node name, as `AB-2`, or a cluster name (`AB`): its node with most live flows. */
  readonly node: string;
  /** Share of the capture's frames, 0–1. */
  readonly fraction: number;
}

export interface ScaleAtFraction {
  /** Cluster name. */
  readonly cluster: string;
  /** Number of active nodes that the cluster shall have. */
  readonly nodes: number;
  readonly fraction: number;
}

export interface PolicyOverride {
  readonly cluster: string;
  readonly policy: FailurePolicy;
}

export interface UpOptions extends CommonOptions {
  /** Path of the grid file. */
  readonly grid: string;
  /** Path of the capture to feed in; absent: the one that the grid file names, or none. */
  readonly capture?: string;
  /** Times the capture's own speed, or as fast as possible. */
  readonly speed: number | 'max';
  /** End with a report after the capture instead of staying up. */
  readonly once: boolean;
  /** Feed the capture again and again. */
  readonly loop: boolean;
  /** File for the report as JSON. */
  readonly report?: string;
  readonly kills: readonly NodeAtFraction[];
  readonly revives: readonly NodeAtFraction[];
  readonly scales: readonly ScaleAtFraction[];
  readonly policies: readonly PolicyOverride[];
  /** Overrides the grid file's. */
  readonly selection?: 'centralized' | 'distributed';
  /** Overrides the grid file's; an unsigned 32-bit integer. */
  readonly seed?: number;
  /** Worker threads that host nodes. */
  readonly workers: number;
  /** File (pcapng) for the frames that leave the grid. */
  readonly out?: string;
  /** File (pcapng) for the frames on internal links. */
  readonly internalOut?: string;
  /** Each of those frames carries what its descriptor says, as the packet's comment. */
  readonly internalComments: boolean;
  /** File that a JSON line is added to when an append to the log begins, and when it is acknowledged. */
  readonly receipts?: string;
  /** File with the grid's secret (hex); absent: `<data>/grid.key`. */
  readonly key?: string;
  /** NATS servers that statistics and flows are told to; absent: nobody. */
  readonly nats?: string;
}

export interface ClassifyOptions extends CommonOptions {
  readonly captures: readonly string[];
  /** Idle seconds for every protocol, or `none`; absent: the defaults of each protocol. */
  readonly idle?: number | 'none';
}

export interface ValidateOptions extends CommonOptions {
  readonly grid: string;
}

export interface TraceOptions extends CommonOptions {
  /** The flow asked about. */
  readonly subject: TraceSubject;
  /** The instant whose route is wanted; absent: now. */
  readonly at?: When;
  /** A changed grid file: the decisions as it would make them. */
  readonly grid?: string;
}

export type TraceSubject =
  | { readonly kind: 'flow'; readonly flow: number }
  | { readonly kind: 'tuple'; readonly tuple: FiveTuple }
  | { readonly kind: 'frame'; readonly capture: string; readonly frame: number };

/** A connection as typed by a person: `tcp 10.0.0.1:1234 10.0.0.2:80`. */
export interface FiveTuple {
  /** IP protocol number. */
  readonly proto: number;
  readonly a: string;
  readonly aPort: number;
  readonly b: string;
  readonly bPort: number;
}

export interface AuditOptions extends CommonOptions {
  readonly action: 'state' | 'flow' | 'history' | 'verify';
  /** Flow ID, for `flow`. */
  readonly flow?: number;
  readonly at?: When;
  readonly since?: When;
  readonly until?: When;
}

export interface LogOptions extends CommonOptions {
  readonly action: 'tail' | 'dump';
  /** Stay and print what is appended. */
  readonly follow: boolean;
  /** For `tail`: how many of the newest commits. */
  readonly lines: number;
  readonly since?: When;
  readonly until?: When;
}

/** Copies a log between the data directory and Kafka. */
export interface MigrateOptions extends CommonOptions {
  readonly to: 'kafka' | 'data';
  /** Kafka's bootstrap servers. */
  readonly kafka: string;
  /** Name of the grid; a log in a directory tells it. */
  readonly grid?: string;
  /** Copies of the grid's topics, when they are made. */
  readonly replicationFactor?: number;
}

export type CheckOptions = CommonOptions;

/** For people, as commands for a Linux bridge, or as OpenConfig JSON for switches of any vendor. */
export const PLAN_FORMATS = ['text', 'linux-bridge', 'openconfig'] as const;
export type PlanFormat = (typeof PLAN_FORMATS)[number];

export interface LinkOptions extends CommonOptions {
  readonly act:
    | { readonly kind: 'list' | 'export' }
    | { readonly kind: 'plan'; readonly format: PlanFormat }
    | { readonly kind: 'show'; readonly name: string };
  /** Path of the grid file; absent: what the log holds. */
  readonly file?: string;
  /** The state at this instant of the log; absent: as it is. */
  readonly at?: When;
}

/** Links that are created, changed and deleted in a grid that runs, as one whole. */
export interface ArrangeLinksOptions extends CommonOptions, MnodeAccess {
  readonly act:
    | { readonly kind: 'create' | 'change'; readonly name: string; readonly edit: LinkEdit }
    | { readonly kind: 'delete'; readonly names: readonly string[] }
    /** `prune`: links that the file does not tell of are deleted. */
    | { readonly kind: 'apply'; readonly file: string; readonly prune: boolean };
  /** Tell what would be done, and do nothing. */
  readonly dryRun: boolean;
  /** The principal. */
  readonly by: string;
  /** How long it may take until somebody leads and answers. */
  readonly withinMs: number;
}

/** What is said of a link on a command line; what is absent stays as it is, or is left to the link's kind. */
export interface LinkEdit {
  readonly kind?: LinkKind;
  /** Clusters, nodes and networks, by name. */
  readonly members?: readonly string[];
  readonly root?: string;
  readonly primary?: string;
  readonly standby?: string;
  /** Members that hear everything on a hub; all others do not. */
  readonly promiscuous?: readonly string[];
  /** Of a replicated link: the direction that it listens to. */
  readonly direction?: LinkDirection;
  readonly hub?: boolean;
  /** Of a resilient link: after so long the primary that came back is connected again. */
  readonly restoreMs?: number;
  /** The link that it listens to. */
  readonly tap?: string;
  /** `all`: those that nobody else has. */
  readonly vlans?: readonly number[] | 'all';
  readonly control?: boolean;
  readonly narrow?: boolean;
  readonly mtu?: number;
}

/** What is captured, and where it goes. */
export interface ProbeCapture {
  readonly kind: 'capture';
  /** Names of links, interfaces, nodes and clusters. */
  readonly points: readonly string[];
  /** File, named pipe or `-` for stdout (pcapng). */
  readonly write?: string;
  /**
   * Network interface to be made that shows the frames; one for each point where it has a `%d`, the first number that is
   * free. Without it and without a file: a line for each frame.
   */
  readonly interface?: string;
  /** Frames as they are on links, not as applications see them. */
  readonly raw: boolean;
  /** As `parseFilter` reads it. */
  readonly filter?: string;
  readonly ringBytes?: number;
  /** Ends after so many frames. */
  readonly frames?: number;
  readonly seconds?: number;
}

/** Raw captures of several points, to be joined. */
export interface ProbeJoin {
  readonly kind: 'join';
  readonly captures: readonly string[];
  /** File (pcapng) for all frames, each with how long before it its frame was seen elsewhere. */
  readonly write?: string;
}

export interface ProbeOptions extends CommonOptions, MnodeAccess {
  readonly act: ProbeCapture | ProbeJoin | { readonly kind: 'token'; readonly name: string; readonly hours: number };
  /** File with the grid's secret (hex); absent: `<data>/grid.key`. */
  readonly key?: string;
  /** Lets its holder attach probes; absent: one is made with the key. */
  readonly token?: string;
  readonly tokenFile?: string;
}

export interface MnodeOptions extends CommonOptions {
  /** Path of the grid file; absent for a grid whose log exists. */
  readonly file?: string;
  /** Name of the grid, where no file is given. */
  readonly grid?: string;
  /** Name of this MNODE. */
  readonly name: string;
  /** Kafka's bootstrap servers; absent: the log is a directory, `data`. */
  readonly kafka?: string;
  /** NATS servers; absent: a bus inside the process. */
  readonly nats?: string;
  /** Temporal server that runs workflows; absent: this program does, and journals them in the log. */
  readonly temporal?: TemporalAccess;
  /** How long the leader may be silent before another takes over. */
  readonly leaderTimeoutMs?: number;
  /** Copies of the grid's topics, when they are made. */
  readonly replicationFactor?: number;
}

export interface TemporalAccess {
  /** `host:port` of its front end. */
  readonly address: string;
  readonly namespace: string;
  /** Absent: `flowgrid-<grid>`. */
  readonly taskQueue?: string;
}

/** How other programs reach the MNODEs of a grid. */
export interface MnodeAccess {
  /** Name of the grid, on the bus. */
  readonly grid?: string;
  /** NATS servers; absent: the program that runs on the data directory. */
  readonly nats?: string;
}

export type StatusOptions = CommonOptions & MnodeAccess;

/** What statistics are asked of. */
export type StatsTopic =
  | { readonly kind: 'grid' }
  | { readonly kind: 'cluster' | 'node' | 'link' | 'agent'; readonly name: string }
  | { readonly kind: 'type'; readonly flowType: number };

export interface StatsOptions extends CommonOptions, Required<MnodeAccess> {
  readonly topic: StatsTopic;
  /** Stay, and print each message as it comes. */
  readonly follow: boolean;
}

export interface SubmitOptions extends CommonOptions, MnodeAccess {
  readonly command: { readonly type: string; readonly data: object };
  /** What people read of it; absent: its type. */
  readonly what?: string;
  /** Absent: a new one. */
  readonly id?: string;
  /** The principal. */
  readonly by: string;
  readonly withinMs: number;
}

export interface ReplicateOptions extends SubmitOptions {
  readonly flow: number;
  /** Whether the flow has to run for that. */
  readonly mustRun: boolean;
}

export interface ScaleOptions extends CommonOptions, MnodeAccess {
  /** Name of the cluster, or its ID. */
  readonly cluster: string;
  /** Nodes that it shall have. */
  readonly to: number;
  /** Those that join or leave, by name or ID; the rest are chosen: the lowest IDs join, the highest leave. */
  readonly nodes: readonly string[];
  /** Of those that join; absent: as they are listed. */
  readonly weight?: number;
  /** What still flows through a node that leaves is given up after so long; 0: never. */
  readonly drainWithinMs: number;
  /** Stay until all has ended. */
  readonly wait: boolean;
  /** A repeat of one changes nothing; absent: a new one. */
  readonly id?: string;
  readonly by: string;
  /** How long it may take until somebody leads and answers. */
  readonly withinMs: number;
}

export interface WorkflowOptions extends CommonOptions, MnodeAccess {
  readonly act:
    | { readonly kind: 'list' }
    | { readonly kind: 'show' | 'cancel'; readonly id: string }
    | { readonly kind: 'signal'; readonly id: string; readonly name: string; readonly payload: unknown };
  readonly withinMs: number;
}

export interface StartOptions extends CommonOptions, MnodeAccess {
  /** Name of the workflow. */
  readonly workflow: string;
  /** What it is about: a cluster by name, a node of it, or some clusters. */
  readonly about: { readonly cluster: string; readonly node?: number } | { readonly clusters: readonly string[] };
  /** The rest of what the workflow is given. */
  readonly input: object;
  /** Stay until it has ended. */
  readonly wait: boolean;
  /** A repeat of one changes nothing; absent: a new one. */
  readonly id?: string;
  readonly by: string;
  /** How long it may take until somebody leads and answers. */
  readonly withinMs: number;
}

export interface PackageOptions extends CommonOptions, MnodeAccess {
  /** Folder of the package. */
  readonly dir: string;
  /** File for the bundle. */
  readonly out?: string;
  readonly publish: boolean;
  /** The principal. */
  readonly by: string;
  readonly withinMs: number;
}

/** An external network, or several that share a port by their VLANs, attached to a host by UDP. */
export interface UdpNetwork {
  /** As in the grid file. */
  readonly names: readonly string[];
  /** Where their frames arrive. */
  readonly local: Endpoint;
  /** Where frames that leave the grid go. */
  readonly remote: Endpoint;
}

/** How an agent's nodes and those of others reach each other. */
export type AgentUnderlay =
  | {
      readonly kind: 'datagrams';
      /** Where frames of other agents' nodes arrive. */
      readonly listen: Endpoint;
      /** Where others reach that; absent: there. */
      readonly advertise?: Endpoint;
    }
  /** The network interface that is plugged into the LAN whose VLANs the links are. */
  | { readonly kind: 'lan'; readonly interface: string };

export interface AgentProgramOptions extends CommonOptions {
  readonly grid: string;
  /** Of all agents of the grid only one has it; a newer process of the same name takes its place. */
  readonly name: string;
  /** `host:port` of NATS servers, comma-separated. */
  readonly nats: string;
  /** How nodes of other agents are reached: by datagrams, or by the links themselves. */
  readonly underlay: AgentUnderlay;
  readonly key: string;
  /** Nodes that it hosts at most. */
  readonly nodes: number;
  /** Packet functions that it offers; absent: all that are built in. */
  readonly functions?: readonly string[];
  /** Nodes that belong here. */
  readonly pinned: readonly string[];
  readonly networks: readonly UdpNetwork[];
  /** What relative paths of function modules start from. */
  readonly modules: string;
  /** Where it installs function packages, which it offers then. */
  readonly packages?: string;
}

/** Seeded flows of TCP and UDP. */
export interface GeneratedTraffic {
  readonly flowsPerSecond: number;
  /** For how long flows begin. */
  readonly seconds: number;
  /** Payload bytes of a data frame. */
  readonly payload: number;
  readonly seed: number;
}

export interface PlayOptions extends CommonOptions {
  /** Path of the capture to send; absent: generated traffic. */
  readonly capture?: string;
  readonly generated: GeneratedTraffic;
  /** Where frames go that those send who begin flows. */
  readonly to: Endpoint;
  /** Where the others' frames go; absent: there too. */
  readonly back?: Endpoint;
  /** Times the source's own speed, or as fast as possible. */
  readonly speed: number | 'max';
  /** Frames a second, instead. */
  readonly rate?: number;
}

export interface RecordOptions extends CommonOptions {
  /** File (pcapng) for the frames; absent: they are counted only. */
  readonly file?: string;
  /** Where they arrive. */
  readonly from: Endpoint;
  /** Ends after so many seconds. */
  readonly seconds?: number;
  /** Ends after so many seconds without a frame, once one has come. */
  readonly silence?: number;
}
