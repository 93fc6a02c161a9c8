import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { createPrng } from '../../../../domain/base/prng';
import type { TopologyCluster } from '../../../../domain/topology/topology';
import { ACK, FIN, fragmentsOf, numbered, numberIn, SYN, tallyIn, tcp, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const INGRESS = [1, 2, 3].map((node) => nodeRef(1, node));
const EGRESS = [1, 2].map((node) => nodeRef(3, node));
const FLOWS = 12;

function shape(name = 'tally'): TopologyCluster[] {
  return [
    cluster(1, 3, { role: 'inode' }),
    cluster(2, 3, { failure: 'backup', function: { name, config: {} } }),
    cluster(3, 2, { role: 'inode' }),
  ];
}

function grid(name = 'tally'): TestGrid {
  return new TestGrid({ clusters: shape(name) });
}

/** Requests and replies of many flows, each frame by any live INODE of its network. */
class Traffic {
  readonly sent = new Array<number>(FLOWS).fill(0);
  readonly answered = new Array<number>(FLOWS).fill(0);
  private readonly prng = createPrng(11);

  constructor(
    private readonly grid: TestGrid,
    readonly dead: Set<NodeRef> = new Set(),
    private readonly ports = 0,
  ) {}

  exchange(): void {
    for (let flow = 0; flow < FLOWS; flow++) {
      const ends = { from: '10.0.0.1', to: '10.9.0.1', fromPort: 5000 + this.ports + flow, toPort: 53 };
      this.grid.inject(1, udp({ ...ends, payload: numbered(++this.sent[flow]) }), this.door(INGRESS));
      this.grid.settle();
      const back = { from: ends.to, to: ends.from, fromPort: ends.toPort, toPort: ends.fromPort };
      this.grid.inject(4, udp({ ...back, payload: numbered(++this.answered[flow]) }), this.door(EGRESS));
      this.grid.settle();
    }
  }

  private door(refs: readonly NodeRef[]): NodeRef {
    const live = refs.filter((ref) => !this.dead.has(ref));
    return live[this.prng.below(live.length)];
  }
}

function arrived(g: TestGrid, network: number, flow: number): { numbers: number[]; tallies: number[] } {
  const at = network === 4 ? 34 : 36;
  const left = g.left.filter(
    ({ network: to, bytes }) => to === network && ((bytes[at] << 8) | bytes[at + 1]) === 5000 + flow,
  );
  return { numbers: left.map(({ bytes }) => numberIn(bytes)), tallies: left.map(({ bytes }) => tallyIn(bytes)) };
}

/** The grid's clusters with some INODEs in another life, or (life 0) left out. */
function withLives(lives: ReadonlyMap<NodeRef, number>, drained: readonly NodeRef[] = []): TopologyCluster[] {
  return shape().map((each) => ({
    ...each,
    members: each.members
      .map((member) => {
        const ref = nodeRef(each.id, member.node);
        const incarnation = lives.get(ref) ?? 1;
        const fnode = (member.fnode ?? 0) + 32 * (incarnation - 1);
        const state = drained.includes(ref) ? ('draining' as const) : member.state;
        return { ...member, incarnation, state, ...(member.fnode === undefined ? {} : { fnode }) };
      })
      .filter(({ incarnation }) => incarnation > 0),
  }));
}

/** INODEs die, are given up, and return empty; `between` happens before their return is published. */
class Lives {
  private readonly lives = new Map<NodeRef, number>();
  private readonly deadLives: string[] = [];

  constructor(
    private readonly grid: TestGrid,
    private readonly traffic: Traffic,
  ) {}

  die(ref: NodeRef): void {
    this.grid.kill(ref);
    this.traffic.dead.add(ref);
    this.grid.beats(6);
    this.giveUp(ref);
    this.lives.set(ref, 0);
    this.publish();
  }

  return(ref: NodeRef): void {
    const incarnation = this.livesOf(ref) + 1;
    this.grid.group(ref).revive(ref, incarnation);
    this.grid.world.setAlive(ref, true);
    this.traffic.dead.delete(ref);
    this.lives.set(ref, incarnation);
    this.publish();
  }

  /** Loses its tables and goes on at once; `between` happens before anybody is told. */
  loseTables(ref: NodeRef, between: () => void): void {
    this.grid.group(ref).kill(ref);
    this.giveUp(ref);
    const incarnation = this.livesOf(ref) + 1;
    this.grid.group(ref).revive(ref, incarnation);
    between();
    this.lives.set(ref, incarnation);
    this.publish();
  }

  publish(drained: readonly NodeRef[] = []): void {
    this.grid.change(withLives(this.lives, drained), this.deadLives);
    this.grid.settle();
  }

  private giveUp(ref: NodeRef): void {
    this.deadLives.push(`${ref >>> 7}/${ref & 0x7f}@${this.livesOf(ref) + 1}`);
  }

  /** Lives of a node that are over. */
  private livesOf(ref: NodeRef): number {
    return this.deadLives.filter((chain) => chain.startsWith(`${ref >>> 7}/${ref & 0x7f}@`)).length;
  }
}

function expectUnbroken(g: TestGrid, exchanges: number): void {
  for (let flow = 0; flow < FLOWS; flow++) {
    expect(arrived(g, 4, flow)).toEqual({ numbers: upTo(exchanges), tallies: upTo(exchanges) });
    expect(arrived(g, 1, flow)).toEqual({ numbers: upTo(exchanges), tallies: upTo(exchanges) });
  }
}

/** Begins other flows than {@link Traffic} and returns at which INODEs of the entrance they were allocated. */
function beginOthers(g: TestGrid, port: number): NodeRef[] {
  const before = INGRESS.map((ref) => g.group(ref).statistics(ref).flowsStarted);
  for (let i = 0; i < 48; i++) {
    g.inject(1, udp({ from: '10.0.0.2', to: '10.9.0.1', fromPort: port + i, toPort: 53, payload: numbered(1) }));
    g.settle();
  }
  return INGRESS.filter((ref, i) => g.group(ref).statistics(ref).flowsStarted > before[i]);
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe('several INODEs on one network', () => {
  test('a frame may come in anywhere: one INODE stamps its flow, in order, both ways', () => {
    const g = grid();
    const traffic = new Traffic(g);
    for (let i = 0; i < 6; i++) traffic.exchange();
    for (let flow = 0; flow < FLOWS; flow++) {
      expect(arrived(g, 4, flow)).toEqual({ numbers: upTo(6), tallies: upTo(6) });
      expect(arrived(g, 1, flow)).toEqual({ numbers: upTo(6), tallies: upTo(6) });
    }
    expect(g.total(({ flowsStarted }) => flowsStarted)).toBe(FLOWS);
  });

  test('an INODE’s death loses no flow: each goes on where it was, state unbroken', () => {
    const g = grid();
    const dead = new Set<NodeRef>();
    const traffic = new Traffic(g, dead);
    for (let i = 0; i < 3; i++) traffic.exchange();
    g.beat();
    for (const victim of [INGRESS[0], EGRESS[1]]) {
      g.kill(victim);
      dead.add(victim);
    }
    g.beats(6);
    for (let i = 0; i < 3; i++) traffic.exchange();
    for (let flow = 0; flow < FLOWS; flow++) {
      expect(arrived(g, 4, flow)).toEqual({ numbers: upTo(6), tallies: upTo(6) });
      expect(arrived(g, 1, flow)).toEqual({ numbers: upTo(6), tallies: upTo(6) });
    }
    expect(g.total(({ flowsStarted }) => flowsStarted)).toBe(FLOWS);
    expect(g.groups[0].reportLiveWireIds()).toEqual([1]);
  });

  test('after an INODE’s death a node of a stage can die too, and its heir takes none of the new numbers for old', () => {
    const g = grid();
    const dead = new Set<NodeRef>();
    const traffic = new Traffic(g, dead);
    for (let i = 0; i < 3; i++) traffic.exchange();
    g.kill(INGRESS[1]);
    dead.add(INGRESS[1]);
    g.beats(14);
    for (let i = 0; i < 2; i++) traffic.exchange();
    g.kill(nodeRef(2, 2));
    g.beats(14);
    for (let i = 0; i < 2; i++) traffic.exchange();
    g.kill(nodeRef(2, 1));
    g.beats(14);
    for (let i = 0; i < 2; i++) traffic.exchange();
    for (let flow = 0; flow < FLOWS; flow++)
      expect(arrived(g, 4, flow)).toEqual({ numbers: upTo(9), tallies: upTo(9) });
  });

  test('a TCP flow ends everywhere, copies included', () => {
    const g = grid('packet-filter');
    const c = { from: '10.0.0.1', to: '10.9.0.1', fromPort: 7000, toPort: 80, payload: new Uint8Array(0) };
    const s = { from: c.to, to: c.from, fromPort: 80, toPort: 7000, payload: new Uint8Array(0) };
    const steps: [number, Uint8Array][] = [
      [1, tcp({ ...c, flags: SYN, seq: 100 })],
      [4, tcp({ ...s, flags: SYN | ACK, seq: 500, ack: 101 })],
      [1, tcp({ ...c, flags: ACK, seq: 101, ack: 501 })],
      [1, tcp({ ...c, flags: FIN | ACK, seq: 101, ack: 501 })],
      [4, tcp({ ...s, flags: FIN | ACK, seq: 501, ack: 102 })],
      [1, tcp({ ...c, flags: ACK, seq: 102, ack: 502 })],
    ];
    steps.forEach(([network, bytes], i) => {
      g.inject(network, bytes, network === 1 ? INGRESS[i % 3] : EGRESS[i % 2]);
      g.settle();
    });
    expect(g.left).toHaveLength(6);
    expect(g.total(({ flowsPrimary }) => flowsPrimary)).toBeGreaterThan(0);
    g.now += 20_000_000;
    g.beats(10);
    expect(g.total(({ flowsPrimary, flowsBackup }) => flowsPrimary + flowsBackup)).toBe(0);
    expect(g.groups[0].reportLiveWireIds()).toEqual([]);
    const ended = g.allEvents().filter(({ type }) => type === 'FlowEnded');
    expect(ended).toHaveLength(1);
    expect(ended[0]).toMatchObject({ end: 'fin', packets: [4, 2] });
  });

  test('FG-150 FG-151: an INODE that returns allocates nothing until it has what the others own, then its share', () => {
    const g = grid();
    const traffic = new Traffic(g);
    const lives = new Lives(g, traffic);
    for (let i = 0; i < 3; i++) traffic.exchange();
    lives.die(INGRESS[0]);
    lives.die(EGRESS[0]);
    lives.return(INGRESS[0]);
    lives.return(EGRESS[0]);
    for (let i = 0; i < 3; i++) traffic.exchange();
    expect(beginOthers(g, 6000)).toEqual([INGRESS[1], INGRESS[2]]);
    g.beats(8);
    for (let i = 0; i < 3; i++) traffic.exchange();
    expect(beginOthers(g, 6100)).toEqual(INGRESS);
    expectUnbroken(g, 9);
  });

  test('FG-153: one INODE after another dies and returns, until none is left that saw a flow begin: none is lost', () => {
    const g = grid();
    const traffic = new Traffic(g);
    const lives = new Lives(g, traffic);
    traffic.exchange();
    for (const ref of [...INGRESS, ...EGRESS]) {
      lives.die(ref);
      traffic.exchange();
      lives.return(ref);
      traffic.exchange();
      g.beats(10);
    }
    traffic.exchange();
    expectUnbroken(g, 12);
    expect(g.total(({ dropped }) => Object.values(dropped).reduce((sum, n) => sum + n, 0))).toBe(0);
  });

  test('FG-153: an INODE that loses its tables and goes on at once is noticed by its first word: no flow is lost', () => {
    const g = grid();
    const traffic = new Traffic(g);
    const lives = new Lives(g, traffic);
    for (let i = 0; i < 3; i++) traffic.exchange();
    lives.loseTables(INGRESS[1], () => traffic.exchange());
    traffic.exchange();
    lives.loseTables(EGRESS[1], () => traffic.exchange());
    g.beats(8);
    traffic.exchange();
    expectUnbroken(g, 7);
    expect(g.total(({ flowsStarted }) => flowsStarted)).toBeLessThanOrEqual(FLOWS);
  });

  test('FG-153: a death while a newcomer is being brought in step loses no copy', () => {
    const g = grid();
    const traffic = new Traffic(g);
    const lives = new Lives(g, traffic);
    for (let i = 0; i < 3; i++) traffic.exchange();
    lives.die(INGRESS[0]);
    lives.return(INGRESS[0]);
    lives.die(INGRESS[1]);
    g.beats(20);
    lives.die(INGRESS[2]);
    for (let i = 0; i < 3; i++) traffic.exchange();
    expectUnbroken(g, 6);
  });

  test('FG-35: an INODE that drains is home of nothing new', () => {
    const g = grid();
    const lives = new Lives(g, new Traffic(g));
    lives.publish([INGRESS[2]]);
    expect(beginOthers(g, 6000)).toEqual([INGRESS[0], INGRESS[1]]);
  });

  test('FG-154: a flow that ended leaves no copy behind: tables for some flows take many, one after another', () => {
    const g = new TestGrid({ clusters: shape(), limits: { flows: 64, connections: 64 }, timing: { udpIdleMs: 1000 } });
    for (let wave = 0; wave < 8; wave++) {
      const traffic = new Traffic(g, new Set(), 100 * wave);
      traffic.exchange();
      g.now += 2_000_000;
      g.beats(4);
    }
    expect(g.total(({ flowsStarted }) => flowsStarted)).toBe(8 * FLOWS);
    expect(g.dropped('table-full')).toBe(0);
  });

  test.each([
    ['behind', false],
    ['before', true],
  ])('FG-53 FG-68: a later fragment at any INODE, %s its first one at another, goes with it at once', (_, isBefore) => {
    const g = grid('pass');
    let id = 0;
    for (const first of INGRESS) {
      for (const later of INGRESS) {
        id++;
        const whole = udp({
          from: '10.0.0.1',
          to: `10.9.0.${id}`,
          fromPort: 7000 + id,
          toPort: 53,
          payload: numbered(id),
        });
        const [head, tail] = fragmentsOf(whole, id);
        const parts = [
          { bytes: head, at: first },
          { bytes: tail, at: later },
        ];
        for (const { bytes, at } of isBefore ? parts.reverse() : parts) {
          g.inject(1, bytes, at);
          g.settle();
        }
        expect(g.left.splice(0).map(({ bytes }) => bytes)).toEqual([head, tail]);
      }
    }
    expect(g.total(({ flowsStarted }) => flowsStarted)).toBe(id);
    g.beats(6);
    expect(g.left).toEqual([]);
    expect(g.total(({ inFlight }) => inFlight)).toBe(0);
  });

  test('FG-53: a later fragment whose first one never comes goes alone after its time, wherever it came', () => {
    const g = grid('pass');
    for (const [i, at] of INGRESS.entries()) {
      const whole = udp({ from: '10.0.0.1', to: '10.9.0.1', fromPort: 7000, toPort: 53, payload: numbered(i) });
      g.inject(1, fragmentsOf(whole, i)[1], at);
      g.settle();
    }
    expect(g.left).toEqual([]);
    g.beats(6);
    expect(g.left.length).toBe(INGRESS.length);
    expect(g.total(({ flowsStarted }) => flowsStarted)).toBe(1);
  });

  test('FG-50: flows that fell idle in a silent gap have ended when it is over, however large the tables are', () => {
    const g = new TestGrid({ clusters: shape(), limits: { connections: 16_384 }, timing: { udpIdleMs: 1000 } });
    new Traffic(g).exchange();
    for (let i = 0; i < 3; i++) g.beat();
    g.now += 5_000_000;
    g.beat();
    expect(g.total(({ flowsEnded }) => flowsEnded)).toBe(FLOWS);
  });
});
