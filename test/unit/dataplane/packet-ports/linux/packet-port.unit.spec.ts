import { constants } from 'node:os';
import type { Libc } from '../../../../../dataplane/packet-ports/linux/libc';
import { LinuxPacketPort } from '../../../../../dataplane/packet-ports/linux/packet-port';
import { PacketSocket } from '../../../../../dataplane/packet-ports/linux/packet-socket';
import { run } from '../../../../services/cache';
import { describeWithServer } from '../../../../services/suite';
import { frameOf, tag } from '../../../../support/ethernet';
import { VethPair, vethAvailable } from '../../../../support/lab/veth';
import { PortEnd } from '../../../../support/port-end';
import { until } from '../../../../support/udp';

const MTU = 1_500;

it('FG-579: without the right to listen it says whose right that is, and what needs none', () => {
  const refuse = (): unknown => PacketSocket.open({ socket: () => -constants.errno.EPERM } as unknown as Libc, 'eth1');
  expect(refuse).toThrow('interface eth1: it cannot be opened (EPERM, operation not permitted)');
  expect(refuse).toThrow(
    expect.objectContaining({ code: 'usage', remedy: expect.stringContaining('CAP_NET_RAW') as string }) as Error,
  );
});

describeWithServer('a packet port on a network interface', vethAvailable, () => {
  let cable: VethPair;
  let here: PortEnd;
  let there: PortEnd;
  beforeEach(async () => {
    cable = VethPair.create(MTU);
    [here, there] = [new PortEnd(), new PortEnd()];
    await here.open(LinuxPacketPort.opener(cable.here, 'a test'));
    await there.open(LinuxPacketPort.opener(cable.there, 'a test'));
  });
  afterEach(async () => {
    await Promise.all([here?.port?.close(), there?.port?.close()]);
    await cable?.remove();
  });

  const arrive = (n: number): Promise<void> =>
    until(() => {
      there.take();
      return there.received.length >= n;
    });

  it('FG-579: tags arrive as they were sent: priority, one or two of them, of customers and of services', async () => {
    const frames = [[], [tag(2048)], [tag(1, 7)], [tag(4094, 3), tag(7)], [tag(5, 2, 0x88a8), tag(9, 1)]].map(
      (tags, number) => Buffer.from(frameOf({ from: 1, to: 2, tags, number })),
    );
    await here.send(frames);
    await arrive(frames.length);
    expect(there.received).toEqual(frames);
  });

  it('FG-579: a frame as long as the interface allows leaves, also with a tag; a longer one is dropped, and what is behind it is not', async () => {
    const long = (length: number, tags = [tag(2048)]): Buffer =>
      Buffer.concat([frameOf({ from: 1, to: 2, tags }), Buffer.alloc(length)]).subarray(0, length);
    const frames = [long(MTU + 14, []), long(MTU + 18), long(MTU + 19), long(MTU + 15, []), long(100)];
    await here.send(frames);
    await arrive(3);
    expect(there.received).toEqual([frames[0], frames[1], frames[4]]);
    expect(here.port.statistics()).toMatchObject({
      framesOut: 3,
      bytesOut: 3 * MTU - 1_368,
      dropped: { 'too-long': 2 },
    });
    expect(here.slots.countFree()).toBe(256);
  });

  it('FG-579: what the kernel has no room for is counted, and what is sent is not heard', async () => {
    const frames = Array.from({ length: 64 }, (_, number) => frameOf({ from: 1, to: 2, number }));
    // More than the kernel keeps, and nobody takes any.
    let sent = 0;
    const overrun = (): number => there.port.statistics().dropped['overrun'] ?? 0;
    for (; overrun() === 0; sent += frames.length) await here.send(frames);
    const kept = sent - overrun();
    await arrive(kept);
    expect(there.take() + here.take()).toBe(0);
    expect(there.port.statistics()).toMatchObject({ framesIn: kept, dropped: { overrun: sent - kept } });
  });

  it('FG-579: an interface that is removed and made again is used again, as soon as it is looked for', async () => {
    expect(here.port.mend!()).toBe(false);
    cable.unplug();
    expect(here.port.mend!()).toBe(false);
    await here.send([frameOf({ from: 1, to: 2 })]);
    expect(here.port.statistics().dropped).toEqual({ 'no-interface': 1 });
    cable.plug();
    expect([here.port.mend!(), there.port.mend!(), here.port.mend!()]).toEqual([true, true, false]);
    const frame = Buffer.from(frameOf({ from: 1, to: 2, tags: [tag(9)], number: 7 }));
    await here.send([frame]);
    await until(() => {
      there.take();
      return there.received.some((each) => each.equals(frame));
    });
  });

  it('FG-579: what it cannot be opened on is said, with what to do', async () => {
    const refusal = (name: string): Promise<unknown> =>
      new PortEnd().open(LinuxPacketPort.opener(name, '--lan')).catch((error: unknown) => error);
    expect(await refusal('nowhere0')).toMatchObject({
      code: 'usage',
      message: 'there is no interface nowhere0',
      remedy: expect.stringContaining(cable.here) as string,
    });
    expect(await refusal('a-name-that-is-too-long')).toMatchObject({ code: 'usage' });
    expect(await refusal('lo')).toMatchObject({ message: 'interface lo is no Ethernet interface' });
    run('ip', ['link', 'set', cable.here, 'down']);
    expect(await refusal(cable.here)).toMatchObject({
      message: `interface ${cable.here} is down`,
      remedy: `ip link set ${cable.here} up`,
    });
  });
});
