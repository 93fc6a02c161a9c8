import {
  CHUNK_BYTES,
  decodeAgentHello,
  decodeAgentRequest,
  encodeAgentAnswer,
  encodePublished,
  type AgentAnswer,
  type AgentReport,
  type AgentRequest,
  type AgentRequestOf,
  type ToldLife,
} from '../../adapters/codec/agent-messages';
import { flowBatchHead } from '../../adapters/codec/flow-batch';
import { sha256 } from '../../adapters/codec/hash';
import { COMMAND_LIFETIME_MS } from '../../domain/commands';
import { isFlowgridError } from '../../domain/base/errors';
import { nodeRef } from '../../domain/base/ids';
import type { Bus } from '../../domain/seams/bus';
import type { Clock } from '../../domain/seams/clock';
import { liveTopology } from '../../domain/topology/state';
import type { Accused } from '../../actors/accusations';
import type { ControlPlane } from './control-plane';
import { headAnswer } from './agent-head';

/** The subjects on which agents speak; adapters/bus names them for a grid. */
export interface AgentIntakeSubjects {
  /** With `*`: the hellos, and the requests, of all agents. */
  agentHello(agent: string): string;
  agentReply(agent: string): string;
}

/** What agents' messages came to. */
export interface AgentEndpointCounts {
  /** Messages that were none. */
  malformed: number;
  /** Requests left to another control plane, which leads. */
  passed: number;
  answered: number;
  /** Requests that the log took nothing for: nobody answers, and they come again. */
  failed: number;
}

export interface AgentEndpoints {
  readonly counts: Readonly<AgentEndpointCounts>;
  close(): void;
}

export interface AgentEndpointsOptions {
  readonly clock: Clock;
  /** An agent knows of a newer leadership than this control plane's: it was deposed and has not noticed. */
  readonly onOutrun?: (epoch: number) => void;
  /** What an agent that is known reports, newest last. */
  readonly onReport?: (agent: string, report: AgentReport) => void;
  /** A flow batch that the log had not had. */
  readonly onBatch?: (bytes: Uint8Array) => void;
}

/**
 * The leader's side of what agents ask: it registers them, takes what they report into the control plane, and tells them
 * what holds. A control plane that does not lead only listens to hellos, so that it knows who lives when it takes over.
 * Everything is idempotent: messages may be lost, repeated and reordered.
 */
export function serveAgents(
  plane: ControlPlane,
  bus: Bus,
  subjects: AgentIntakeSubjects,
  options: AgentEndpointsOptions,
): AgentEndpoints {
  return new Endpoints(plane, bus, subjects, options);
}

/** What is remembered of an agent between its messages; nothing that the next leader could not do without. */
interface Heard {
  readonly life: number;
  newestReport: number;
}

/** A topology as it is sent, in chunks. */
interface Text {
  readonly bytes: Uint8Array;
  readonly digest: string;
}

class Endpoints implements AgentEndpoints {
  readonly counts: AgentEndpointCounts = { malformed: 0, passed: 0, answered: 0, failed: 0 };
  private readonly heard = new Map<string, Heard>();
  private readonly texts = new Map<number, Promise<Text | undefined>>();
  private readonly subscriptions;

  constructor(
    private readonly plane: ControlPlane,
    bus: Bus,
    subjects: AgentIntakeSubjects,
    private readonly options: AgentEndpointsOptions,
  ) {
    this.subscriptions = [
      bus.subscribe(subjects.agentHello('*'), (payload) => this.hello(payload)),
      bus.subscribe(subjects.agentReply('*'), (payload) => this.answer(payload)),
    ];
  }

  close(): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe();
  }

  private hello(payload: Uint8Array): void {
    const hello = decodeAgentHello(payload);
    if (hello === undefined) {
      this.counts.malformed++;
      return;
    }
    const { agent, life, nodes } = hello;
    // Whatever an older process says, its nodes' lives are over.
    if (life < (this.plane.state.agents[agent]?.life ?? 0)) return;
    this.plane.agentHello(agent, life);
    for (const { cluster, node, incarnation } of nodes) this.plane.hello(nodeRef(cluster, node), incarnation);
  }

  private async answer(payload: Uint8Array): Promise<Uint8Array | undefined> {
    const request = decodeAgentRequest(payload);
    if (request === undefined) {
      this.counts.malformed++;
      return undefined;
    }
    if (!this.mayAnswer(request)) {
      this.counts.passed++;
      return undefined;
    }
    try {
      const answer = await this.answerTo(request);
      // What was true when the answer was looked up may be over: a leader that was deposed meanwhile keeps it to itself.
      if (answer === undefined || !this.plane.isLeading) return undefined;
      this.counts.answered++;
      return encodeAgentAnswer(answer);
    } catch (error) {
      if (!isFlowgridError(error)) throw error;
      if (error.code === 'invalid-record') this.counts.malformed++;
      else this.counts.failed++;
      return undefined;
    }
  }

  /** Only the leader answers, and only those who do not know of a newer one. */
  private mayAnswer({ epoch, seq }: AgentRequest): boolean {
    if (!this.plane.isLeading) return false;
    const { state } = this.plane;
    if (epoch > state.epoch) this.options.onOutrun?.(epoch);
    return epoch <= state.epoch && seq <= state.seq;
  }

  private answerTo(request: AgentRequest): Promise<AgentAnswer | undefined> {
    switch (request.kind) {
      case 'register':
        return this.register(request);
      case 'sync':
        return Promise.resolve(this.sync(request));
      case 'fetch':
        return this.fetch(request);
      case 'bundle':
        return this.bundle(request);
      case 'batch':
        return this.takeBatch(request);
    }
  }

  private async register({ agent, life, offer }: AgentRequestOf<'register'>): Promise<AgentAnswer> {
    const { address, capacity, functions, networks, pinned } = offer;
    const outcome = await this.plane.submit({
      id: `agent/${agent}/${life}`,
      by: `agent:${agent}`,
      deadline: this.options.clock.now() + COMMAND_LIFETIME_MS / 2,
      body: { type: 'RegisterAgent', data: { agent, life, address, capacity, functions, networks, pinned } },
    });
    const why = outcome.status === 'rejected' ? outcome.rejection.message : '';
    if (why === '') this.plane.agentHello(agent, life);
    return { kind: 'register', ...this.head(), accepted: why === '', why };
  }

  private sync({ agent, life, report }: AgentRequestOf<'sync'>): AgentAnswer {
    const { plane } = this;
    const known = plane.state.agents[agent]?.life ?? 0;
    const standing = known === life ? 'known' : known < life ? 'unknown' : 'replaced';
    if (standing === 'known' && this.isNews(agent, life, report.number)) this.take(agent, life, report);
    const now = this.options.clock.now();
    return { kind: 'sync', ...this.head(), standing, number: report.number, now, ...headAnswer(plane, agent) };
  }

  private isNews(agent: string, life: number, number: number): boolean {
    const heard = this.heard.get(agent);
    if (heard?.life === life && heard.newestReport >= number) return false;
    this.heard.set(agent, { life, newestReport: number });
    return true;
  }

  /** What an agent reports, as its nodes' own words. */
  private take(agent: string, life: number, report: AgentReport): void {
    const { plane } = this;
    const { topology } = plane.state;
    this.options.onReport?.(agent, report);
    plane.agentHello(agent, life);
    const wires = [...report.carried, report.stamped].flatMap(
      (version) => liveTopology(topology, version)?.wireId ?? [],
    );
    for (const { cluster, node, incarnation } of report.nodes) {
      const ref = nodeRef(cluster, node);
      plane.hello(ref, incarnation);
      plane.acknowledgeTopology(ref, report.installed);
      for (const version of report.done) plane.acknowledgeRetirement(ref, version);
      if (report.stamped === 0) continue;
      plane.reportLiveWires(ref, wires);
      plane.reportStamped(ref, report.stamped);
    }
    plane.reportDead(agent, { dead: report.dead.map(lifeOf), mute: report.mute.map(lifeOf) });
    for (const { cluster, node, primary, backup } of report.flows) {
      plane.reportFlows(nodeRef(cluster, node), primary, backup, report.heard);
    }
  }

  private async fetch({ version, offset }: AgentRequestOf<'fetch'>): Promise<AgentAnswer> {
    const text = await this.text(version);
    const bytes = text?.bytes.subarray(offset, offset + CHUNK_BYTES) ?? new Uint8Array();
    const total = text?.bytes.length ?? 0;
    return { kind: 'fetch', ...this.head(), version, total, digest: text?.digest ?? '', offset, bytes };
  }

  /** A live topology as it is sent; encoded once, for many agents ask for it at once. */
  private text(version: number): Promise<Text | undefined> {
    const { topology } = this.plane.state;
    for (const old of this.texts.keys()) if (liveTopology(topology, old) === undefined) this.texts.delete(old);
    let text = this.texts.get(version);
    if (text === undefined) {
      text = this.encode(version);
      this.texts.set(version, text);
      // What could not be read is read again by whoever asks next.
      text.then(
        (found) => found ?? this.texts.delete(version),
        () => this.texts.delete(version),
      );
    }
    return text;
  }

  private async encode(version: number): Promise<Text | undefined> {
    const published = await this.plane.published(version);
    if (published === undefined) return undefined;
    const bytes = encodePublished(published);
    return { bytes, digest: sha256(bytes) };
  }

  private async bundle({ sha256: hash, offset }: AgentRequestOf<'bundle'>): Promise<AgentAnswer> {
    const whole = (await this.plane.bundle(hash)) ?? new Uint8Array();
    const bytes = whole.subarray(offset, offset + CHUNK_BYTES);
    return { kind: 'bundle', ...this.head(), sha256: hash, total: whole.length, offset, bytes };
  }

  private async takeBatch({ bytes }: AgentRequestOf<'batch'>): Promise<AgentAnswer> {
    const { chain, number, prev } = flowBatchHead(bytes);
    const result = await this.plane.appendFlows({ chain, number, prev, bytes });
    if (result === 'appended') this.options.onBatch?.(bytes);
    return { kind: 'batch', ...this.head(), chain, number, result };
  }

  private head(): { readonly epoch: number; readonly seq: number; readonly hash: string } {
    const { seq, hash } = this.plane.head;
    return { epoch: this.plane.state.epoch, seq, hash };
  }
}

function lifeOf({ cluster, node, incarnation }: ToldLife): Accused {
  return { ref: nodeRef(cluster, node), incarnation };
}
