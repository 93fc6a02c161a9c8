import { performance } from 'node:perf_hooks';
import { freshPath, trailerV1 } from '../../dataplane/descriptor/codec';
import { nodeKey } from '../../dataplane/descriptor/node-table';
import { Arena } from '../../dataplane/frames/arena';
import { DF_UNICAST, S_LEN, S_OFF, S_TO, SLOT_FRAME } from '../../dataplane/frames/layout';
import { SlotPool } from '../../dataplane/frames/slots';
import { loadKernels } from '../../dataplane/kernels/kernels';
import { LanInterfaces, NOT_SENT } from '../../dataplane/links/lan-interfaces';
import { nodeOf, nodeRef, type NodeRef } from '../../domain/base/ids';
import { interfacesOf } from '../../domain/link/interfaces';
import type { Lan } from '../../domain/link/plan';
import { median } from '../log/measure';
import type { BenchOptions, BenchResult } from '../result';
import { benchLan } from './lan';

const BATCH = 64;
const ROUNDS = 2_000;
const FRAME_BYTES = 64;
const ROOM = 64;
const SECRET = new Uint8Array(32).fill(7);
const [ROOT, LEAF] = [nodeRef(1, 1), nodeRef(2, 1)];
const OUTSIDE = nodeRef(3, 1);

/** A way over a link: who sends a frame for {@link LEAF} on which link, and who gets it by which. */
interface Way {
  readonly name: string;
  readonly from: NodeRef;
  readonly sends: string;
  readonly to: NodeRef;
  readonly hears: string;
}

const PLAIN = 'cable';
const KINDS = ['one-way-cable', 'switch', 'hub', 'star', 'star-in-hub-mode', 'resilient', 'clustered'];
const WAYS: readonly Way[] = [
  ...[PLAIN, ...KINDS].map((name) => ({ name, from: ROOT, sends: name, to: LEAF, hears: name })),
  { name: 'replicated', from: ROOT, sends: 'one-way-cable', to: LEAF, hears: 'replicated' },
  { name: 'external, untagged', from: ROOT, sends: 'untagged', to: ROOT, hears: 'untagged' },
  { name: 'external, tagged', from: OUTSIDE, sends: 'tagged', to: OUTSIDE, hears: 'tagged' },
];

/**
 * What the virtual interfaces of each kind of link cost a frame: at the node that sends it and at one that gets it. All kinds
 * in turns, each round's beside the plain cable's of the same round.
 */
export async function run({ smoke }: BenchOptions = { smoke: false }): Promise<BenchResult[]> {
  const lan = await benchLan();
  const crossings = WAYS.map((way) => new Crossing(lan, way));
  const took = WAYS.map(() => [] as number[]);
  const rounds = smoke ? 5 : ROUNDS;
  for (let round = -(rounds >> 2); round < rounds; round++) {
    crossings.forEach((crossing, i) => {
      const ns = crossing.cross();
      if (round >= 0) took[i]!.push(ns);
    });
  }
  const cable = took[0]!;
  return WAYS.map(({ name }, i) => ({
    name: `virtual interfaces, ${name}, ${FRAME_BYTES} B`,
    unit: 'ns',
    value: median(took[i]!),
    ...(name === PLAIN
      ? {}
      : { ratio: { of: 'a plain cable', value: median(took[i]!.map((ns, n) => ns / cable[n]!)) } }),
  }));
}

/** Batches of frames from one node's interface to another's, over a LAN that takes no time. */
class Crossing {
  private readonly arena = Arena.create({ slots: 4 * BATCH, bytes: 1 << 16 });
  private readonly slots = new SlotPool(this.arena);
  private readonly frames = Array.from({ length: BATCH }, () => this.slots.allocate());
  private readonly list = this.arena.allocate(8 * ROOM);
  private readonly sender: LanInterfaces;
  private readonly receiver: LanInterfaces;
  private readonly place: number;
  private readonly bytes: Uint8Array;
  private readonly to: NodeRef;

  constructor(
    lan: Lan,
    private readonly way: Way,
  ) {
    const { from, sends, to, hears } = way;
    const kernels = loadKernels(this.arena);
    const memory = { arena: this.arena, slots: this.slots };
    const byName = (name: string) => lan.links.find((link) => link.name === name)!;
    this.sender = new LanInterfaces(memory, kernels);
    this.receiver = new LanInterfaces(memory, kernels);
    this.sender.install(interfacesAt(lan, from, byName(sends).id));
    this.receiver.install(interfacesAt(lan, to, byName(hears).id));
    this.place = this.sender.find(from, byName(sends).id);
    const isExternal = from === to;
    this.to = isExternal ? 0 : LEAF;
    this.bytes = isExternal ? plain(byName(sends).vlans?.[0]) : sealed();
  }

  /** Nanoseconds a frame. */
  cross(): number {
    const { frames, sender, receiver, place, list } = this;
    for (const slot of frames) this.fill(slot);
    const begin = performance.now();
    let arrived = 0;
    for (let i = 0; i < BATCH; i++) {
      if (sender.send(place, frames[i]!, list) === NOT_SENT) break;
      arrived += receiver.receive(frames[i]!, list);
    }
    const end = performance.now();
    if (arrived !== BATCH) throw new Error(`bench: ${arrived} of ${BATCH} frames crossed the ${this.way.name} link`);
    return ((end - begin) * 1e6) / BATCH;
  }

  private fill(slot: number): void {
    const { arena, bytes } = this;
    const address = arena.slot(slot);
    arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    arena.u32[(address + S_LEN) >>> 2] = bytes.length;
    arena.u16[(address + S_TO) >>> 1] = this.to;
    arena.u8.set(bytes, address + SLOT_FRAME);
  }
}

function interfacesAt(lan: Lan, ref: NodeRef, link: number) {
  return interfacesOf(lan, { cluster: ref >>> 7, node: nodeOf(ref) }).filter((each) => each.link === link);
}

function plain(vlan?: number): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES);
  frame.set([0x02, 0, 0, 0, 0, 0x0b, 0x02, 0, 0, 0, 0, 0x0a, 0x08, 0x00]);
  if (vlan !== undefined) frame.set([0x81, 0x00, vlan >> 8, vlan & 0xff, 0x08, 0x00], 12);
  return frame;
}

function sealed(): Uint8Array {
  const frame = plain();
  const fields = {
    destination: frame.subarray(0, 6),
    source: frame.subarray(6, 12),
    flags: DF_UNICAST,
    wireId: 1,
    flowType: 7,
    flowId: 0x01000001,
    sequence: 1,
    ingressTime: 0,
    path: freshPath([ROOT, LEAF, OUTSIDE]),
  };
  return trailerV1.seal(frame, fields, ROOT, nodeKey(SECRET, 1, 1, 1), LEAF);
}
