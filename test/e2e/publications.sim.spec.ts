import { clusterOf, nodeRef, type FlowId, type NodeRef, type WireId } from '../../domain/base/ids';
import { createPrng, type Prng } from '../../domain/base/prng';
import type { FlowEvent } from '../../domain/flow/events';
import type { TapRecord } from '../../domain/seams/tap';
import type { SelectorKind, Topology } from '../../domain/topology/topology';
import { trailerV1 } from '../../dataplane/descriptor/codec';
import { CLIENT_NETWORK, PublishedGrid, SERVER_NETWORK } from '../support/published-grid';
import { numbered, udp } from '../unit/dataplane/node/frames';

const SEED = Number(process.env['FLOWGRID_SEED'] ?? 5);
const PUBLICATIONS = 600;
/** A bound against hanging, not a budget: machines are shared. */
const TIMEOUT_MS = 900_000;

/** The first stage backs up, the second redirects; the publications are about the second. */
const [BACKED, REDIRECTED] = [2, 3];
/** Hears of no topology from publication 200 to 500. */
const APART = nodeRef(BACKED, 4);
const UDP_IDLE_MS = 1500;
/** Changes of the grid between two exchanges of a flow: short of its idle time. */
const REFRESH_EVERY = 18;
const ROUNDS_PER_PUBLICATION = 5;

interface Conversation {
  readonly port: number;
  /** Publication after which it falls silent. */
  readonly until: number;
  readonly turn: number;
  n: number;
}

/** What frames and events say of a flow. */
interface Seen {
  wire: WireId;
  readonly wires: Set<WireId>;
  /** The nodes that sent its frames on, by cluster. */
  readonly emitters: Map<number, Set<NodeRef>>;
}

/** One flow that lives throughout while topologies, and others, come and go. */
class Publications {
  readonly grid: PublishedGrid;
  readonly flows = new Map<FlowId, Seen>();
  readonly flowOfPort = new Map<number, FlowId>();
  readonly started = new Map<FlowId, Extract<FlowEvent, { type: 'FlowStarted' }>>();
  readonly repinned: Extract<FlowEvent, { type: 'FlowRepinned' }>[] = [];
  readonly takenOver: Extract<FlowEvent, { type: 'FlowTakenOver' }>[] = [];
  /** A wire ID was given to a topology while a flow of another carried it. */
  readonly ambiguous: string[] = [];
  readonly givenTimes = new Map<WireId, number>();
  private readonly prng: Prng;
  private conversations: Conversation[] = [];
  private nextPort = 2000;
  private turns = 0;

  constructor(selection: Topology['selection'], selector: SelectorKind) {
    this.prng = createPrng(SEED);
    this.grid = new PublishedGrid({
      stages: [
        { nodes: 5, failure: 'backup', selector },
        { nodes: 3, failure: 'redirect', selector },
      ],
      selection,
      udpIdleMs: UDP_IDLE_MS,
      apart: APART,
      onTap: (record) => this.look(record),
      onFlowEvent: (_, event) => this.note(event),
      onCommit: ({ events }) => {
        for (const event of events) if (event.type === 'TopologyPublished') this.given(event.data.wireId);
      },
    });
  }

  get published(): number {
    return this.grid.control.state.topology.version;
  }

  /** A flow whose first stage neither is, nor is backed up by, the node that will be cut off. */
  async begin(): Promise<Conversation> {
    await this.grid.up();
    for (;;) {
      const candidate = this.open(Infinity);
      await this.exchange(candidate);
      await this.grid.conductor.harvest();
      const start = this.started.get(this.flowOfPort.get(candidate.port)!)!;
      const involved = [...start.route, ...start.backups];
      if (!involved.includes(APART)) return candidate;
    }
  }

  /** Changes the grid, so that a topology is published, and lets everybody talk. */
  async publish(): Promise<void> {
    const before = this.published;
    await this.grid.command({
      type: 'ConfigureNode',
      data: { cluster: REDIRECTED, node: 1, weight: 1 + ((before * 7) % 100) },
    });
    await this.grid.conductor.obey();
    for (let i = 0; i < ROUNDS_PER_PUBLICATION; i++) await this.grid.round();
    expect(this.published).toBeGreaterThan(before);
    this.turns++;
    if (this.conversations.length < 400) this.open(before + 220 + this.prng.below(120));
    this.conversations = this.conversations.filter(({ until }) => until >= before);
    for (const each of this.conversations) {
      if (each.n === 0 || (this.turns + each.turn) % REFRESH_EVERY === 0) await this.exchange(each);
    }
  }

  /** A request, and, when it has arrived, its reply; rounds pass until it has. */
  async exchange(conversation: Conversation): Promise<void> {
    const ends = { from: '10.0.0.1', to: '10.9.0.1', fromPort: conversation.port, toPort: 53 };
    const payload = numbered(++conversation.n);
    await this.arrives(await this.grid.send(CLIENT_NETWORK, udp({ ...ends, payload })));
    const back = { from: ends.to, to: ends.from, fromPort: ends.toPort, toPort: ends.fromPort };
    await this.arrives(await this.grid.send(SERVER_NETWORK, udp({ ...back, payload })));
  }

  seen(conversation: Conversation): Seen {
    return this.flows.get(this.flowOfPort.get(conversation.port)!)!;
  }

  private async arrives(frameNo: number): Promise<void> {
    for (let rounds = 0; rounds < 12 && !this.grid.left.has(frameNo); rounds++) await this.grid.round();
    expect(this.grid.left.has(frameNo)).toBe(true);
  }

  private open(until: number): Conversation {
    const port = this.nextPort++;
    const conversation = { port, until, turn: port % REFRESH_EVERY, n: 0 };
    this.conversations.push(conversation);
    return conversation;
  }

  private look({ kind, from, to, bytes }: TapRecord): void {
    if (kind !== 'sent') return;
    const decoded = trailerV1.decode(bytes);
    if (!decoded.ok || decoded.descriptor.flowType === 0) return;
    const { flowId, wireId } = decoded.descriptor;
    let seen = this.flows.get(flowId);
    if (seen === undefined) {
      seen = { wire: wireId, wires: new Set(), emitters: new Map() };
      this.flows.set(flowId, seen);
    }
    seen.wire = wireId;
    seen.wires.add(wireId);
    const cluster = clusterOf(from);
    if (cluster === clusterOf(to)) return;
    seen.emitters.set(cluster, (seen.emitters.get(cluster) ?? new Set()).add(from));
  }

  private note(event: FlowEvent): void {
    if (event.type === 'FlowStarted') {
      this.flowOfPort.set(event.key.aPort, event.flow);
      if (event.observedAs === 'egress') this.started.set(event.flow, event);
    }
    if (event.type === 'FlowTakenOver') this.takenOver.push(event);
    if (event.type === 'FlowEnded') this.flows.delete(event.flow);
    if (event.type !== 'FlowRepinned') return;
    this.repinned.push(event);
    const seen = this.flows.get(event.flow);
    if (seen !== undefined) seen.wire = event.toWireId;
  }

  private given(wireId: WireId): void {
    this.givenTimes.set(wireId, 1 + (this.givenTimes.get(wireId) ?? 0));
    for (const [flow, { wire }] of this.flows) {
      if (wire === wireId) this.ambiguous.push(`publication ${this.published}: ${wireId} is carried by flow ${flow}`);
    }
  }
}

describe(`${PUBLICATIONS} publications while one flow lives (seed ${SEED})`, () => {
  test.each([
    ['distributed', 'hash'],
    ['centralized', 'hash'],
    ['centralized', 'round-robin'],
    ['distributed', 'round-robin'],
  ] as const)(
    'FG-5 FG-37 FG-39 FG-40 FG-41 FG-75: wire IDs are re-used and re-pinned, and the flow keeps its nodes (%s, %s)',
    async (selection, selector) => {
      const run = new Publications(selection, selector);
      const { grid } = run;
      const long = await run.begin();
      const { flow } = run.started.get(run.flowOfPort.get(long.port)!)!;
      while (run.published < 200) await run.publish();
      await grid.kill(APART);
      grid.host.cutOff = true;
      while (run.published < 500) await run.publish();
      expect(grid.host.missed).toBeGreaterThan(290);
      await grid.revive(APART);
      while (run.published < 590) await run.publish();
      // Back, and trusted with flows again.
      expect(grid.control.state.clusters[BACKED]!.nodes[4]).toMatchObject({ status: 'active', incarnation: 2 });
      expect([...run.flows.values()].some(({ emitters }) => emitters.get(BACKED)?.has(APART) === true)).toBe(true);
      while (run.published < PUBLICATIONS - 1) await run.publish();
      await run.exchange(long);
      await grid.conductor.harvest();

      // Each wire ID was given about twice or more, none while it was carried.
      expect(run.ambiguous).toEqual([]);
      expect(run.givenTimes.size).toBe(255);
      expect(Math.max(...run.givenTimes.values())).toBeGreaterThan(1);
      expect(run.repinned.length).toBeGreaterThan(50);
      expect(run.repinned.filter((event) => event.flow === flow).length).toBeGreaterThan(0);
      // It never ended: its ID is the one that it began with.
      expect(run.flowOfPort.get(long.port)).toBe(flow);
      const before = run.seen(long);
      expect(before.wires.size).toBeGreaterThan(1);
      for (const [cluster, emitters] of before.emitters) expect([cluster, emitters.size]).toEqual([cluster, 1]);

      // Publication 599: its primary dies, and the backup that it has had from the beginning goes on.
      const primary = [...before.emitters.get(BACKED)!][0]!;
      const { route, backups } = run.started.get(flow)!;
      await grid.kill(primary);
      while (run.published < PUBLICATIONS + 2) {
        await run.exchange(long);
        await run.publish();
      }
      await run.exchange(long);
      await grid.conductor.harvest();
      const takeover = run.takenOver.find((event) => event.flow === flow);
      expect(takeover).toMatchObject({
        from: primary,
        to: backups[route.findIndex((ref) => clusterOf(ref) === BACKED)],
      });
      const after = run.seen(long).emitters;
      expect([...after.get(BACKED)!]).toEqual([primary, takeover!.to]);
      expect(after.get(REDIRECTED)!.size).toBe(1);

      const verdicts = await run.grid.verdicts();
      expect(verdicts).toMatchObject({
        affinity: 'held',
        pinnedTopology: 'held',
        oneEmitter: 'held',
        conservation: 'held',
        isolation: 'held',
        transparency: 'held',
      });
    },
    TIMEOUT_MS,
  );
});
