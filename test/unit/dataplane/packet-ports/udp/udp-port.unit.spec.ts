import { nodeRef } from '../../../../../domain/base/ids';
import { Arena } from '../../../../../dataplane/frames/arena';
import { S_LEN, S_OFF, S_TO, SLOT_FRAME } from '../../../../../dataplane/frames/layout';
import { SlotPool } from '../../../../../dataplane/frames/slots';
import { NodePeers } from '../../../../../dataplane/packet-ports/udp/peers';
import { UdpPort, type UdpPortOptions } from '../../../../../dataplane/packet-ports/udp/udp-port';
import { until } from '../../../../support/udp';

const LOCAL = { host: '127.0.0.1', port: 0 };
const SLOTS = 64;

/** A port, its memory, and the bytes that it has received, frame by frame. */
async function open(options: Partial<UdpPortOptions> = {}) {
  const arena = Arena.create({ slots: SLOTS, bytes: 8 * 1024 * 1024 });
  const slots = new SlotPool(arena);
  const list = arena.allocate(4 * SLOTS);
  let writable = 0;
  const listener = { readable: () => undefined, writable: () => writable++ };
  const port = await UdpPort.open({ arena, slots }, listener, {
    local: LOCAL,
    peers: new NodePeers(),
    newStream: () => 1,
    ...options,
  });
  const send = (frames: readonly (readonly [to: number, frame: Uint8Array])[]): number => {
    frames.forEach(([to, bytes], i) => {
      const slot = slots.allocate();
      const address = arena.slot(slot);
      arena.u8.set(bytes, address + SLOT_FRAME);
      arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
      arena.u32[(address + S_LEN) >>> 2] = bytes.length;
      arena.u16[(address + S_TO) >>> 1] = to;
      arena.u32[(list >>> 2) + i] = slot;
    });
    return port.send(list, frames.length);
  };
  const received: number[] = [];
  const receive = (): number => {
    const n = port.receive(list, SLOTS);
    for (let i = 0; i < n; i++) {
      const slot = arena.u32[(list >>> 2) + i]!;
      received.push(arena.u8[arena.slot(slot) + SLOT_FRAME]!);
      slots.free(slot);
    }
    return received.length;
  };
  return { port, slots, send, receive, received, writable: () => writable };
}

const frame = (n: number, length = 60): Uint8Array => new Uint8Array(length).fill(n);

describe('a UDP port', () => {
  it('FG-306: sends each frame to whoever hosts its node, and counts those that nobody hosts', async () => {
    const [one, two] = [await open(), await open()];
    const peers = new NodePeers();
    peers.place(nodeRef(1, 1), one.port.local);
    peers.place(nodeRef(1, 2), two.port.local);
    peers.place(nodeRef(1, 3), two.port.local);
    const sender = await open({ peers });
    const to = [1, 2, 3, 2, 1, 4].map((node, n) => [nodeRef(1, node), frame(n)] as const);
    expect(sender.send(to)).toBe(6);
    await until(() => one.receive() === 2 && two.receive() === 3);
    expect([one.received, two.received]).toEqual([
      [0, 4],
      [1, 2, 3],
    ]);
    expect(sender.port.statistics().dropped).toEqual({ 'unknown-peer': 1 });
    peers.place(nodeRef(1, 1), two.port.local);
    peers.place(nodeRef(1, 2), undefined);
    sender.send(to);
    await until(() => two.receive() === 6);
    expect(two.received.slice(3)).toEqual([0, 2, 4]);
    expect(sender.port.statistics().dropped).toEqual({ 'unknown-peer': 4 });
    await Promise.all([one, two, sender].map(({ port }) => port.close()));
  });

  it('FG-307: drops and counts a frame that fits into no datagram, and packs no more than its size', async () => {
    const receiver = await open();
    const peers = new NodePeers();
    peers.place(1, receiver.port.local);
    const sender = await open({ peers, datagramBytes: 200 });
    const lengths = [60, 60, 60, 186, 187, 14];
    expect(sender.send(lengths.map((length, n) => [1, frame(n, length)] as const))).toBe(6);
    await until(() => receiver.receive() === 5);
    expect(receiver.received).toEqual([0, 1, 2, 3, 5]);
    expect(sender.port.statistics().dropped).toEqual({ 'too-long': 1 });
    await until(() => sender.slots.countFree() === SLOTS);
    await Promise.all([receiver, sender].map(({ port }) => port.close()));
  });

  it('FG-308: refuses an address that it cannot listen on, and says which', async () => {
    const first = await open();
    await expect(open({ local: first.port.local })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(String(first.port.local.port)),
    });
    await first.port.close();
    await first.port.close();
  });

  it('FG-309: finds a peer by its name', async () => {
    const receiver = await open();
    const peers = new NodePeers();
    peers.place(1, { host: 'localhost', port: receiver.port.local.port });
    const sender = await open({ peers });
    sender.send([[1, frame(9)]]);
    await until(() => receiver.receive() === 1);
    sender.send([[1, frame(10)]]);
    await until(() => receiver.receive() === 2);
    expect(receiver.received).toEqual([9, 10]);
    await Promise.all([receiver, sender].map(({ port }) => port.close()));
  });

  it('FG-310: takes less than it is given when it is busy, keeps none of the rest, and says when it is not any more', async () => {
    const receiver = await open();
    const peers = new NodePeers();
    peers.place(1, receiver.port.local);
    const sender = await open({ peers });
    const large = Array.from({ length: SLOTS }, (_, n) => [1, frame(n, 8000)] as const);
    // Datagrams are free again when the event loop has turned, which it does not here.
    expect([sender.send(large), sender.send(large)]).toEqual([SLOTS, SLOTS]);
    const free = sender.slots.countFree();
    expect(sender.send(large)).toBe(0);
    expect(sender.slots.countFree()).toBe(free - SLOTS);
    expect(sender.writable()).toBe(0);
    await until(() => sender.writable() > 0);
    await until(() => receiver.receive() >= 2 * SLOTS);
    await Promise.all([receiver, sender].map(({ port }) => port.close()));
  });
});
