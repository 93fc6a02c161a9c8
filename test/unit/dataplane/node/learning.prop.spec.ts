import * as fc from 'fast-check';
import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { createPrng, type Prng } from '../../../../domain/base/prng';
import type { FlowPath, Topology } from '../../../../domain/topology/topology';
import { numbered, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const STATIONS = 7;
const STEPS = 40;
const totals = { unicast: 0, flooded: 0, groups: 0, moves: 0, kills: 0 };

/** A station: its number makes its addresses. */
interface Station {
  readonly number: number;
  readonly vlan: number;
  network: number;
}

/** What one learning switch with a port for each network would do (IEEE 802.1Q, 8.6 to 8.8). */
class OracleSwitch {
  private readonly heard = new Map<string, number>();

  constructor(private readonly networks: readonly number[]) {}

  /** The networks to which a frame goes. */
  send(network: number, from: Station, to: Station | undefined): number[] {
    this.heard.set(`${from.number}/${from.vlan}`, network);
    const others = this.networks.filter((each) => each !== network);
    const known = to === undefined ? undefined : this.heard.get(`${to.number}/${to.vlan}`);
    if (known === undefined) return others;
    return known === network ? [] : [known];
  }

  knows({ number, vlan }: Station): boolean {
    return this.heard.has(`${number}/${vlan}`);
  }
}

/** Three to five networks of one domain at two to four INODE clusters, each of one or two INODEs, and a stage between. */
class Scenario {
  readonly grid: TestGrid;
  private readonly prng: Prng;
  private readonly networks: Topology['networks'];
  private readonly oracle: OracleSwitch;
  private readonly stations: Station[];
  private readonly dead = new Set<NodeRef>();
  private ports = 1000;
  /** At which INODE clusters frames of each station were, by its number. */
  private readonly heardAt = new Map<number, Set<number>>();

  constructor(seed: number) {
    this.prng = createPrng(seed);
    const ends = [1, 3, 4, 5].slice(0, 2 + this.prng.below(3));
    const inodes = 1 + this.prng.below(2);
    this.networks = Array.from({ length: 3 + this.prng.below(3) }, (_, i) => ({
      id: 10 + i,
      name: `EN-${10 + i}`,
      cluster: ends[i % ends.length]!,
      tagged: false,
      bridge: 1,
    }));
    const paths: FlowPath[] = [];
    for (const from of ends)
      for (const to of ends) {
        const [here, there] = [from, to].map((end) => this.networks.filter((each) => each.cluster === end));
        if (from === to || here!.length === 0 || there!.length === 0) continue;
        const id = paths.length + 1;
        paths.push({
          id,
          name: `p${id}`,
          from: here!.map((each) => each.id),
          to: there![0]!.id,
          clusters: [from, 2, to],
        });
      }
    this.grid = new TestGrid({
      clusters: [...ends.map((id) => cluster(id, inodes, { role: 'inode' })), cluster(2, 2, { failure: 'backup' })],
      networks: this.networks,
      selection: this.prng.below(2) === 0 ? 'centralized' : 'distributed',
      links: [1, 2].map((id) => ({
        id,
        name: `VN-${id}`,
        kind: 'switch' as const,
        members: (id === 1 ? [...ends, 2] : ends).map((each) => ({ cluster: each })),
        control: id === 2,
        mtu: 9000,
      })),
      paths,
      policies: [
        {
          id: 1,
          name: 'all',
          flowType: 9,
          typeName: 'other',
          match: {},
          paths: paths.map(({ name }) => name),
          criteria: 'static',
        },
      ],
    });
    this.oracle = new OracleSwitch(this.networks.map(({ id }) => id));
    this.stations = Array.from({ length: STATIONS }, (_, i) => ({
      number: i + 1,
      vlan: this.prng.below(3) === 0 ? 7 : 0,
      network: this.pick(this.networks).id,
    }));
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) {
      const what = this.prng.below(6);
      if (what === 0) this.move();
      else this.converse(what > 2);
      if (this.prng.below(15) === 0) this.kill();
    }
  }

  /** Two talk, perhaps after one has asked everybody where the other is, and got an answer. */
  private converse(asks: boolean): void {
    const one = this.pick(this.stations);
    const apart = ({ vlan, network }: Station): boolean => vlan === one.vlan && this.areApart(network, one.network);
    const others = this.stations.filter(apart);
    if (others.length === 0) return;
    const two = this.pick(others);
    if (asks) {
      this.send(one, undefined, arp(one));
      this.send(two, one, arp(two, one));
    }
    const port = this.ports++;
    for (let n = 1 + this.prng.below(3); n > 0; n--) {
      this.send(one, two, packet(one, two, port, n));
      if (this.prng.below(2) === 0) this.send(two, one, packet(two, one, port, n));
    }
  }

  /** A station is plugged in elsewhere, and says so. */
  private move(): void {
    const station = this.pick(this.stations);
    station.network = this.pick(this.networks).id;
    totals.moves++;
    this.send(station, undefined, arp(station));
  }

  /** An INODE dies that has another beside it, which was told of the stations. */
  private kill(): void {
    const id = this.pick(this.networks).cluster;
    const living = this.living(id);
    if (living.length < 2) return;
    const victim = nodeRef(id, this.pick(living));
    this.dead.add(victim);
    this.grid.kill(victim);
    this.grid.beats(12);
    totals.kills++;
  }

  private living(id: number): number[] {
    const { members } = this.grid.topology.clusters.find((each) => each.id === id)!;
    return members.map(({ node }) => node).filter((node) => !this.dead.has(nodeRef(id, node)));
  }

  private send(from: Station, to: Station | undefined, bytes: Uint8Array): void {
    const { grid } = this;
    const before = grid.left.length;
    const isKnown = to === undefined || this.heardAt.get(to.number)?.has(this.clusterOf(from.network)) === true;
    const isNew = to !== undefined && !this.oracle.knows(to);
    const wanted = this.oracle.send(from.network, from, to).filter((each) => this.areApart(each, from.network));
    const door = this.clusterOf(from.network);
    grid.inject(from.network, bytes, nodeRef(door, this.pick(this.living(door))));
    grid.settle();
    const left = grid.left.slice(before);
    const reached = left.map(({ network }) => network).sort();
    // Where a frame enters, less may be known than one switch would know: then more hear it, nobody twice.
    if (isKnown || isNew) expect(reached).toEqual(wanted.sort());
    else expect([...new Set([...reached, ...wanted])].sort()).toEqual(reached);
    for (const each of left) expect(each.bytes).toEqual(bytes);
    const clusters = [from.network, ...reached].map((each) => this.clusterOf(each));
    this.heardAt.set(from.number, new Set([...(this.heardAt.get(from.number) ?? []), ...clusters]));
    totals[to === undefined ? 'groups' : reached.length > 1 ? 'flooded' : 'unicast']++;
  }

  private clusterOf(network: number): number {
    return this.networks.find(({ id }) => id === network)!.cluster;
  }

  /** No path of these grids leads back to where it begins. */
  private areApart(a: number, b: number): boolean {
    return this.clusterOf(a) !== this.clusterOf(b);
  }

  private pick<Item>(items: readonly Item[]): Item {
    return items[this.prng.below(items.length)]!;
  }
}

function ethernet(bytes: Uint8Array, from: Station, to: Station | undefined): Uint8Array {
  const header = to === undefined ? [255, 255, 255, 255, 255, 255] : [2, 0, 0, 0, 0, to.number];
  header.push(2, 0, 0, 0, 0, from.number, ...(from.vlan === 0 ? [] : [0x81, 0, 0, from.vlan]));
  return Uint8Array.of(...header, ...bytes.subarray(12));
}

function arp(from: Station, to?: Station): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set([8, 6, 0, 1, 8, 0, 6, 4, 0, to === undefined ? 1 : 2], 12);
  return ethernet(frame, from, to);
}

function packet(from: Station, to: Station, port: number, n: number): Uint8Array {
  const ends = { from: `10.0.0.${from.number}`, to: `10.0.0.${to.number}` };
  const isFirst = from.number < to.number;
  const ports = { fromPort: isFirst ? port : 53, toPort: isFirst ? 53 : port };
  return ethernet(udp({ ...ends, ...ports, payload: numbered(n) }), from, to);
}

test('FG-548: stations on three networks and more see of each other what they see over one learning switch', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x7fff_ffff }), (seed) => new Scenario(seed).run()),
    { numRuns: 24, endOnFailure: true },
  );
  expect(totals.unicast).toBeGreaterThan(1000);
  expect(totals.groups).toBeGreaterThan(500);
  expect(totals.flooded).toBeGreaterThan(24);
  expect(totals.kills).toBeGreaterThan(5);
  expect(totals.moves).toBeGreaterThan(50);
});
