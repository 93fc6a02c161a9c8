import { nodeRef, type FlowId } from '../../../../domain/base/ids';
import { createPrng } from '../../../../domain/base/prng';
import { ACK, FIN, numbered, SYN, tcp } from './frames';
import { cluster, TestGrid } from './test-grid';

const CLIENT = '10.0.0.1';
const SERVER = '10.9.0.1';
const CONNECTIONS = 40;

/** Every node is a group of its own, so that frames of both sides can be under way at once. */
function grid(): TestGrid {
  return new TestGrid({
    clusters: [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 3, { failure: 'backup' }),
      cluster(3, 1, { role: 'inode' }),
    ],
    groups: [[nodeRef(1, 1)], [nodeRef(2, 1)], [nodeRef(2, 2)], [nodeRef(2, 3)], [nodeRef(3, 1)]],
  });
}

/** A segment of the connection from this port, numbered so that it can be told from all others. */
function segment(port: number, isClients: boolean, flags: number, seq: number): Uint8Array {
  const [from, to, fromPort, toPort] = isClients ? [CLIENT, SERVER, port, 80] : [SERVER, CLIENT, 80, port];
  return tcp({ from, to, fromPort, toPort, flags, seq, ack: 1, payload: numbered(seq) });
}

/** What either side of a connection sends, one segment after another. */
const CLIENTS = [SYN, ACK, ACK, ACK, ACK, FIN | ACK, ACK];
const SERVERS = [SYN | ACK, ACK, ACK, ACK, ACK, FIN | ACK, ACK];

/** Ends every flow; the flows that were told to have begun, and to have ended. */
function endAll(g: TestGrid): { readonly begun: FlowId[]; readonly ended: FlowId[] } {
  g.beats(2);
  for (const group of g.groups) group.endFlows(g.now);
  g.settle();
  const flows = (type: 'FlowStarted' | 'FlowEnded'): FlowId[] =>
    g.allEvents().flatMap((event) => (event.type === type ? [event.flow] : []));
  return { begun: [...new Set(flows('FlowStarted'))].sort(), ended: flows('FlowEnded').sort() };
}

const text = (frame: Uint8Array): string => Buffer.from(frame).toString('hex');

/**
 * Has both sides of all connections send what they send, in whatever order, while nodes have their turns as chance wills.
 * Returns the frames.
 */
function exchange(g: TestGrid, seed: number): string[] {
  const { below } = createPrng(seed);
  const sides = Array.from({ length: 2 * CONNECTIONS }, (_, i) => ({
    port: 1 + (i >> 1),
    isClients: i % 2 === 0,
    n: 0,
  }));
  const all: string[] = [];
  for (let open = sides; open.length > 0; open = open.filter(({ n }) => n < CLIENTS.length)) {
    // Few connections at a time, so that the first frames of their two sides are often under way at once.
    const side = open[below(Math.min(open.length, 8))]!;
    const { port, isClients } = side;
    const flags = (isClients ? CLIENTS : SERVERS)[side.n]!;
    const frame = segment(port, isClients, flags, 100 * port + 10 + side.n++);
    all.push(text(frame));
    g.inject(isClients ? 1 : 4, frame);
    for (let turns = below(3); turns > 0; turns--) g.groups[below(g.groups.length)]!.step(g.now);
    g.collect();
  }
  g.settle();
  return all.sort();
}

describe('connections whose both sides send at once', () => {
  test('FG-314: every frame leaves once, whichever of the two flows stays, and every flow ends', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const g = grid();
      const sent = exchange(g, seed);
      const left = g.left.map(({ bytes }) => text(bytes));
      expect([seed, left.sort()]).toEqual([seed, sent]);
      const { begun, ended } = endAll(g);
      expect([seed, ended]).toEqual([seed, begun]);
      expect(begun.length).toBeGreaterThan(CONNECTIONS);
    }
  });

  test('FG-314: what backups hold of the flow that goes does not leave again, if its node dies right then', () => {
    const g = grid();
    const sent: string[] = [];
    for (let port = 1; port <= CONNECTIONS; port++) {
      for (const isClients of [true, false]) {
        const frame = segment(port, isClients, isClients ? SYN : SYN | ACK, 1000 * port + (isClients ? 1 : 2));
        sent.push(text(frame));
        g.inject(isClients ? 1 : 4, frame);
      }
    }
    // Both ends take what comes from outside before anything of it has reached the other.
    for (const end of [g.groups[0]!, g.groups.at(-1)!]) end.run(g.now);
    g.settle();
    g.kill(nodeRef(2, 1));
    g.beats(20);
    expect(g.total(({ reemitted }) => reemitted)).toBeGreaterThan(CONNECTIONS / 4);
    expect(g.left.map(({ bytes }) => text(bytes)).sort()).toEqual(sent.sort());
    const { begun, ended } = endAll(g);
    expect(begun).toHaveLength(2 * CONNECTIONS);
    expect(ended).toEqual(begun);
  });

  test('FG-49: a SYN that what follows it has overtaken opens no other connection, though nobody looked at what did', () => {
    const g = grid();
    const ports = Array.from({ length: CONNECTIONS }, (_, i) => i + 1);
    for (const port of ports) g.inject(4, segment(port, false, SYN | ACK, 1000));
    g.settle();
    for (const port of ports) g.inject(1, segment(port, true, ACK, 2001));
    g.settle();
    for (const port of ports) g.inject(1, segment(port, true, SYN, 2000));
    g.settle();
    expect(g.left).toHaveLength(3 * CONNECTIONS);
    const { begun, ended } = endAll(g);
    expect(begun).toHaveLength(CONNECTIONS);
    expect(ended).toEqual(begun);
  });

  test('FG-315: a flow that ends under a batch is forgotten after it, once, whatever of it stands behind in the batch', () => {
    const g = grid();
    const ports = Array.from({ length: CONNECTIONS }, (_, i) => i + 1);
    const sent: string[] = [];
    const send = (port: number, isClients: boolean, flags: number, seq: number): void => {
      const frame = segment(port, isClients, flags, seq);
      sent.push(text(frame));
      g.inject(isClients ? 1 : 4, frame);
    };
    for (const port of ports) send(port, false, SYN, 1000);
    g.settle();
    for (const port of ports) send(port, true, SYN | ACK, 2000);
    g.settle();
    // The other side opens the 5-tuple anew, right behind segments of the connection that was.
    for (const port of ports) {
      send(port, true, ACK, 2001);
      send(port, true, FIN | ACK, 2025);
      send(port, true, SYN, 900_000_000);
    }
    g.settle();
    for (const port of ports) send(port, false, SYN | ACK, 3000);
    g.settle();
    for (const port of ports) send(port, true, FIN | ACK, 900_000_001);
    g.settle();
    expect(g.left.map(({ bytes }) => text(bytes)).sort()).toEqual(sent.sort());
    const { begun, ended } = endAll(g);
    expect(ended).toEqual(begun);
    expect(begun).toHaveLength(2 * CONNECTIONS);
  });
});
