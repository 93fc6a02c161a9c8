import type { SwitchPort, SwitchSettings } from '../../adapters/sim/vlan-switch';
import { BROADCAST, frameOf, hexOf, tag } from '../support/ethernet';

/** A switch as tests see it. All of it is about the switch that was begun last. */
export interface SwitchUnderTest {
  /** A new one, that knows no address. */
  begin(settings: SwitchSettings): Promise<void>;
  configure(port: number, settings: SwitchPort): Promise<void>;
  send(port: number, frame: Uint8Array): Promise<void>;
  /** What left by each port since it was asked last, in hex and in order, once all that was sent is through. */
  collect(): Promise<string[][]>;
  /** Lets time pass until no address is remembered. */
  age(): Promise<void>;
}

const access = (vlan: number): SwitchPort => ({ pvid: vlan, untagged: [vlan] });
const trunk = (...tagged: number[]): SwitchPort => ({ tagged });
/** Linux's bridge forwards the first reserved address where no spanning tree runs, as it does here. */
const LIKE_LINUX = 1;

/**
 * What a VLAN switch does, by clauses of IEEE 802.1Q-2022, for every implementation. Stations are numbers; station n has the
 * address 02:00:00:00:00:n.
 */
export function describeVlanSwitch(name: string, start: () => Promise<SwitchUnderTest>): void {
  describe(`VLAN switch (${name})`, () => {
    let lan: SwitchUnderTest;
    beforeAll(async () => {
      lan = await start();
    });
    const begin = (ports: readonly SwitchPort[], ageingMs?: number): Promise<void> =>
      lan.begin({ ports, forwardReserved: LIKE_LINUX, ...(ageingMs !== undefined && { ageingMs }) });

    /** Sends one frame; answers which ports it left by. */
    const outOf = async (port: number, frame: Uint8Array): Promise<number[]> => {
      await lan.send(port, frame);
      return (await lan.collect()).flatMap((frames, out) => frames.map(() => out));
    };
    /** Sends one frame; answers what left by one port. */
    const asSeenAt = async (out: number, port: number, frame: Uint8Array): Promise<string[]> => {
      await lan.send(port, frame);
      return (await lan.collect())[out]!;
    };

    it('FG-490: a frame for an unknown station, a group or everybody goes to every other port of its VLAN', async () => {
      await begin([access(10), access(10), access(20), access(10), access(20)]);
      for (const to of [9, BROADCAST, '01005e000001', '333300000001']) {
        expect(await outOf(0, frameOf({ from: 1, to }))).toEqual([1, 3]);
        expect(await outOf(2, frameOf({ from: 2, to }))).toEqual([4]);
      }
    });

    it('FG-490: a frame for a station that was heard goes there alone, and follows it when it moves', async () => {
      await begin([access(10), access(10), access(10)]);
      await outOf(1, frameOf({ from: 2, to: BROADCAST }));
      expect(await outOf(0, frameOf({ from: 1, to: 2 }))).toEqual([1]);
      await outOf(2, frameOf({ from: 2, to: BROADCAST }));
      expect(await outOf(0, frameOf({ from: 1, to: 2 }))).toEqual([2]);
      expect(await outOf(2, frameOf({ from: 3, to: 2 }))).toEqual([]);
    });

    it('FG-491: a station is known in the VLAN in which it was heard, and in no other', async () => {
      await begin([trunk(10, 20), trunk(10, 20), trunk(10, 20)]);
      await outOf(1, frameOf({ from: 2, to: BROADCAST, tags: [tag(10)] }));
      expect(await outOf(0, frameOf({ from: 1, to: 2, tags: [tag(10)] }))).toEqual([1]);
      expect(await outOf(0, frameOf({ from: 1, to: 2, tags: [tag(20)] }))).toEqual([1, 2]);
    });

    it('FG-491: two VLANs of which one goes each way flood every frame, however often their stations were heard', async () => {
      const [down, up] = [100, 101];
      const root: SwitchPort = { pvid: down, untagged: [down, up] };
      const leaf: SwitchPort = { pvid: up, untagged: [up, down] };
      await begin([root, leaf, leaf]);
      for (let round = 0; round < 3; round++) {
        expect(await outOf(0, frameOf({ from: 1, to: 2 }))).toEqual([1, 2]);
        expect(await outOf(1, frameOf({ from: 2, to: 1 }))).toEqual([0, 2]);
      }
    });

    it('FG-492: a frame leaves with its tag or without, as its port says, and keeps its priority', async () => {
      await begin([{ pvid: 10, untagged: [10], tagged: [20] }, access(10), trunk(10, 20), access(20)]);
      const bare = { from: 1, to: BROADCAST };
      expect(await asSeenAt(1, 0, frameOf(bare))).toEqual([hexOf(bare)]);
      expect(await asSeenAt(2, 0, frameOf(bare))).toEqual([hexOf({ ...bare, tags: [tag(10)] })]);
      const urgent = { ...bare, tags: [tag(20, 7)] };
      expect(await asSeenAt(2, 0, frameOf(urgent))).toEqual([hexOf(urgent)]);
      expect(await asSeenAt(3, 0, frameOf(urgent))).toEqual([hexOf(bare)]);
    });

    it('FG-492: a priority tag names no VLAN: the frame is in that of its port', async () => {
      await begin([access(10), access(10), trunk(10), access(20)]);
      const urgent = frameOf({ from: 1, to: BROADCAST, tags: [tag(0, 5)] });
      expect(await outOf(0, urgent)).toEqual([1, 2]);
      expect(await asSeenAt(1, 0, urgent)).toEqual([hexOf({ from: 1, to: BROADCAST })]);
      expect(await asSeenAt(2, 0, urgent)).toEqual([hexOf({ from: 1, to: BROADCAST, tags: [tag(10, 5)] })]);
    });

    it('FG-492: of two tags the outer one is looked at and taken off, and a service tag is payload', async () => {
      await begin([trunk(10), access(10), trunk(10), access(20)]);
      const double = frameOf({ from: 1, to: BROADCAST, tags: [tag(10), tag(20)] });
      expect(await asSeenAt(1, 0, double)).toEqual([hexOf({ from: 1, to: BROADCAST, tags: [tag(20)] })]);
      await begin([access(10), trunk(10), access(20)]);
      const service = frameOf({ from: 1, to: BROADCAST, tags: [tag(20, 0, 0x88a8)] });
      expect(await outOf(0, service)).toEqual([1]);
      expect(await asSeenAt(1, 0, service)).toEqual([
        hexOf({ from: 1, to: BROADCAST, tags: [tag(10), tag(20, 0, 0x88a8)] }),
      ]);
    });

    it('FG-493: nothing comes in for a VLAN that the port is not in, nor without a tag where no VLAN is told', async () => {
      await begin([access(10), access(20), trunk(10, 20)]);
      expect(await outOf(0, frameOf({ from: 1, to: BROADCAST, tags: [tag(20)] }))).toEqual([]);
      expect(await outOf(0, frameOf({ from: 1, to: BROADCAST, tags: [tag(4095)] }))).toEqual([]);
      expect(await outOf(2, frameOf({ from: 3, to: BROADCAST }))).toEqual([]);
      expect(await outOf(2, frameOf({ from: 3, to: BROADCAST, tags: [tag(0, 1)] }))).toEqual([]);
      await outOf(1, frameOf({ from: 2, to: BROADCAST }));
      expect(await outOf(2, frameOf({ from: 4, to: 1, tags: [tag(20)] }))).toEqual([1]);
    });

    it('FG-493: sources that no station has are dropped, and heard nowhere', async () => {
      await begin([access(10), access(10), access(10)]);
      expect(await outOf(0, frameOf({ from: '030000000001', to: BROADCAST }))).toEqual([]);
      expect(await outOf(0, frameOf({ from: '000000000000', to: BROADCAST }))).toEqual([]);
      expect(await outOf(1, frameOf({ from: 1, to: '030000000001' }))).toEqual([0, 2]);
    });

    it('FG-493: what is for bridges goes no further, but for the addresses that are let through', async () => {
      const reserved = Array.from({ length: 16 }, (_, n) => `0180c200000${n.toString(16)}`);
      const passed = async (): Promise<number[]> => {
        const through: number[] = [];
        for (const [n, to] of reserved.entries())
          if ((await outOf(0, frameOf({ from: 1, to }))).length > 0) through.push(n);
        return through;
      };
      for (const [forwardReserved, expected] of [
        [LIKE_LINUX, [0]],
        [LIKE_LINUX | (1 << 3) | (1 << 14), [0, 3, 14]],
      ] as const) {
        await lan.begin({ ports: [access(10), access(10)], forwardReserved });
        expect(await passed()).toEqual(expected);
      }
      expect(await outOf(0, frameOf({ from: 1, to: '0180c2000010' }))).toEqual([1]);
    });

    it('FG-494: a station is forgotten when it was not heard for the ageing time', async () => {
      await begin([access(10), access(10), access(10)], 1000);
      await outOf(1, frameOf({ from: 2, to: BROADCAST }));
      await lan.age();
      expect(await outOf(0, frameOf({ from: 1, to: 2 }))).toEqual([1, 2]);
    });

    it('FG-494: a port that leaves a VLAN gets nothing of it any more, and its stations there are forgotten', async () => {
      await begin([trunk(10, 20), trunk(10, 20), trunk(10, 20)]);
      for (const vlan of [10, 20]) await outOf(1, frameOf({ from: 2, to: BROADCAST, tags: [tag(vlan)] }));
      await lan.configure(1, trunk(20));
      expect(await outOf(0, frameOf({ from: 1, to: BROADCAST, tags: [tag(10)] }))).toEqual([2]);
      expect(await outOf(0, frameOf({ from: 1, to: 2, tags: [tag(20)] }))).toEqual([1]);
      await lan.configure(1, trunk(10, 20));
      expect(await outOf(0, frameOf({ from: 1, to: 2, tags: [tag(10)] }))).toEqual([1, 2]);
    });
  });
}
