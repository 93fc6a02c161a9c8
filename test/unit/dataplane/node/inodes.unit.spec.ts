import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { createPrng } from '../../../../domain/base/prng';
import { ACK, FIN, numbered, numberIn, SYN, tallyIn, tcp, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const INGRESS = [1, 2, 3].map((node) => nodeRef(1, node));
const EGRESS = [1, 2].map((node) => nodeRef(3, node));
const FLOWS = 12;

function grid(name = 'tally'): TestGrid {
  return new TestGrid({
    clusters: [
      cluster(1, 3, { role: 'inode' }),
      cluster(2, 3, { failure: 'backup', function: { name, config: {} } }),
      cluster(3, 2, { role: 'inode' }),
    ],
  });
}

/** Requests and replies of many flows, each frame by any live INODE of its network. */
class Traffic {
  readonly sent = new Array<number>(FLOWS).fill(0);
  readonly answered = new Array<number>(FLOWS).fill(0);
  private readonly prng = createPrng(11);

  constructor(
    private readonly grid: TestGrid,
    readonly dead: Set<NodeRef> = new Set(),
  ) {}

  exchange(): void {
    for (let flow = 0; flow < FLOWS; flow++) {
      const ends = { from: '10.0.0.1', to: '10.9.0.1', fromPort: 5000 + flow, toPort: 53 };
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
});
