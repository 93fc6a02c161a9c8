import type { ClusterState } from '../../../domain/cluster/state';
import { FlowgridError } from '../../../domain/base/errors';
import type { CommandBody, Outcome } from '../../../domain/commands';
import { type GridState, decide, evolveCommit, initialState } from '../../../domain/grid-state';
import { recall } from '../../../domain/outcomes';
import { isRejection } from '../../../domain/message';
import type { NodeState } from '../../../domain/node/state';
import { DEFAULT_TIMING, type VirtualLink } from '../../../domain/topology/topology';
import { SimClock } from '../../../adapters/sim/sim-clock';
import type { FunctionCounts, ProvisioningPort } from '../../../workflows/activities';

const CLUSTER = 2;

/**
 * A small grid on a simulated clock, decided and folded by the real domain: cluster 2 has the members 1 and 2, which a
 * link names one by one, and the spare 3. Its surroundings behave: nodes that are configured say hello (unless told
 * not to), drained flows end, topologies are published and installed.
 */
export class GridWorld implements ProvisioningPort {
  readonly clock = new SimClock(1_000_000);
  state: GridState = initialState();
  /** Nodes that never say hello. */
  readonly mute = new Set<number>();
  /** `Type` or `Type rejected` of every command from outside, in order. */
  readonly log: string[] = [];
  /** Called before each command from outside, with its type: what happens meanwhile elsewhere. */
  beforeCommand: (type: CommandBody['type']) => void = () => undefined;
  /** Whether a node of the cluster begins with a function. */
  works: (node: number, name: string) => boolean = () => true;
  /** What recorders counted. */
  counts: FunctionCounts = { compared: 1_000, differing: 0 };
  private readonly looks = new Set<() => void>();
  private commands = 0;

  constructor() {
    this.must({
      type: 'CreateGrid',
      data: {
        name: 'g',
        seed: 7,
        selection: 'centralized',
        timing: DEFAULT_TIMING,
        networks: [
          { id: 1, name: 'EN-1', cluster: 1, tagged: false },
          { id: 2, name: 'EN-2', cluster: 3, tagged: false },
        ],
        capture: null,
      },
    });
    this.createCluster(1, 'IA', 'inode');
    this.createCluster(CLUSTER, 'AB', 'anode');
    this.createCluster(3, 'IC', 'inode');
    this.must({ type: 'DefineFlowPath', data: { id: 1, name: 'there', from: [1], to: 2, clusters: [1, CLUSTER, 3] } });
    this.must({ type: 'DefineFlowPath', data: { id: 2, name: 'back', from: [2], to: 1, clusters: [3, CLUSTER, 1] } });
    const paths = ['there', 'back'];
    const policy = { id: 1, name: 'any', flowType: 1, typeName: 'any', match: {}, paths, criteria: 'static' } as const;
    this.must({ type: 'DefinePolicy', data: policy });
    for (const node of [1, 2, 3]) {
      this.must({ type: 'AdmitNode', data: { cluster: CLUSTER, node, weight: 10, spare: node === 3 } });
      if (node !== 3) this.must({ type: 'ConfigureNode', data: { cluster: CLUSTER, node, weight: 10 } });
    }
    this.must({ type: 'CreateVirtualLink', data: this.link([1, 2]) });
    this.react();
    this.log.length = 0;
  }

  private createCluster(id: number, name: string, role: 'inode' | 'anode'): void {
    this.must({
      type: 'CreateCluster',
      data: {
        id,
        name,
        role,
        failure: 'backup',
        selector: 'hash',
        mode: 'through',
        whenEmpty: 'bypass',
        function: { name: 'pass', config: {} },
        originates: false,
      },
    });
  }

  /** What others see of the grid, apart from its past: clusters but for lives, links, paths, policies. */
  outline(): unknown {
    const { clusters, links, paths, policies } = this.state;
    const nodes = (cluster: number): unknown =>
      Object.values(clusters[cluster]!.nodes).map(({ node, status, spare, reservedBy, weight }) => [
        node,
        status,
        spare,
        reservedBy,
        weight,
      ]);
    const seen = Object.values(clusters).map(({ settings }) => [settings, nodes(settings.id)]);
    const listed = this.state.topology.latest!.clusters.map(({ id, members }) => [id, members.map(({ node }) => node)]);
    return { seen, listed, links: links.links, paths, policies };
  }

  link(nodes: readonly number[]): VirtualLink {
    const members = nodes.map((node) => ({ cluster: CLUSTER, node }));
    return { id: 1, name: 'VN-1', kind: 'switch', members, control: false, mtu: 2000 };
  }

  node(node: number): NodeState {
    return this.state.clusters[CLUSTER]!.nodes[node]!;
  }

  /** The node's life is over, and nobody brings it back. */
  fail(node: number): void {
    this.must({ type: 'FailNode', data: { cluster: CLUSTER, node, incarnation: this.node(node).incarnation } });
    this.react();
  }

  /** Node IDs that the newest topology lists. */
  listed(): number[] {
    const { latest } = this.state.topology;
    return latest?.clusters.find(({ id }) => id === CLUSTER)?.members.map(({ node }) => node) ?? [];
  }

  linked(): number[] {
    return this.state.links.links[1]!.members.map((member) => ('node' in member ? member.node : 0));
  }

  async submit({ id, by, body }: Parameters<ProvisioningPort['submit']>[0]): Promise<Outcome> {
    this.beforeCommand(body.type);
    // As the control plane does: a repeat gets the first outcome.
    const first = recall(this.state.outcomes, id);
    const outcome: Outcome = first === undefined ? this.execute(id, by, body) : { status: 'accepted', seq: first };
    this.log.push(outcome.status === 'rejected' ? `${body.type} rejected` : body.type);
    this.react();
    return outcome;
  }

  until<Value>(
    look: (state: GridState) => Value | undefined,
    withinMs: number,
    cancelled?: AbortSignal,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        this.looks.delete(check);
        stopTimer();
        settle();
      };
      const check = (): void => {
        const value = look(this.state);
        if (value !== undefined) finish(() => resolve(value));
      };
      let stopTimer = (): void => undefined;
      this.looks.add(check);
      check();
      if (!this.looks.has(check)) return;
      const late = (): void => finish(() => reject(new FlowgridError('timeout', `not seen within ${withinMs} ms`)));
      if (withinMs !== Infinity) stopTimer = this.clock.schedule(this.clock.now() + withinMs, late);
      cancelled?.addEventListener('abort', () => finish(() => reject(new FlowgridError('interrupted', 'cancelled'))));
    });
  }

  async counted(): Promise<FunctionCounts> {
    return this.counts;
  }

  /** Lets promises and timers run, on the simulated clock, until the promise settles. */
  async drive<Value>(promise: Promise<Value>): Promise<Value> {
    let settled = false;
    const mark = (): boolean => (settled = true);
    promise.then(mark, mark);
    while (!settled) {
      await new Promise((resolve) => setImmediate(resolve));
      const due = this.clock.nextDue();
      if (!settled && due !== undefined) this.clock.advanceTo(due);
    }
    return promise;
  }

  /** What the grid's own reactions and nodes do about the state, until they are content. */
  react(): void {
    for (let body = this.reaction(); body !== undefined; body = this.reaction()) this.must(body);
    for (const look of [...this.looks]) look();
  }

  private reaction(): CommandBody | undefined {
    for (const { settings, nodes } of Object.values(this.state.clusters) as ClusterState[]) {
      const { id: cluster, function: spec } = settings;
      for (const { node, status, incarnation, leaving } of Object.values(nodes) as NodeState[]) {
        const life = { cluster, node, incarnation: incarnation + 1 };
        const isMute = cluster === CLUSTER && (this.mute.has(node) || !this.works(node, spec.name));
        if (status === 'configured' && !isMute) return { type: 'ActivateNode', data: life };
        if (status === 'draining') return { type: 'CompleteDrain', data: { cluster, node, forced: false } };
        if (status === 'drained' && leaving) return { type: 'RemoveNode', data: { cluster, node } };
      }
    }
    const before = this.state.topology.version;
    this.execute(`publish/${this.commands}`, 'actor:grid', { type: 'PublishTopology', data: {} });
    const { version } = this.state.topology;
    return version === before ? undefined : { type: 'ApplyTopology', data: { version } };
  }

  must(body: CommandBody): void {
    const outcome = this.execute(`world/${this.commands}`, 'operator:test', body);
    if (outcome.status === 'rejected') throw new Error(`${body.type}: ${outcome.rejection.message}`);
  }

  private execute(id: string, by: string, body: CommandBody): Outcome {
    this.commands++;
    const at = this.clock.now();
    const decision = decide(this.state, { id, by, body, at, deadline: at + 10_000 });
    if (isRejection(decision)) return { status: 'rejected', rejection: decision };
    if (decision.length === 0) return { status: 'unchanged' };
    const seq = this.state.seq + 1;
    const events = decision;
    const commit = { seq, prev: '', epoch: 1, commandId: id, at, by, cause: 0, corr: id, events };
    this.state = evolveCommit(this.state, commit);
    return { status: 'accepted', seq };
  }
}
