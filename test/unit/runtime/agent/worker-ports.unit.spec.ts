import { nodeRef } from '../../../../domain/base/ids';
import { MemoryNetwork, type MemoryFrames } from '../../../../dataplane/packet-ports/memory-port';
import { WorkerHost } from '../../../../runtime/agent/worker-host';
import { published, twoStages } from '../../../support/topologies';

const START = 1_700_000_000_000_000;
const HELLO_US = 10_000;
const FLOWS = 200;
const FRAME = Buffer.from(
  '02000000000a02000000000b08004500002400000000401100000a0000010a00000204000009001000006162636465666768',
  'hex',
);
const SOURCE = 26;
const DESTINATION = 30;
const PORTS = 34;
const PATIENCE_MS = 30_000;

/** One frame of each flow, from its initiator or its responder. */
function datagrams(isAnswer: boolean): MemoryFrames {
  return {
    length: FLOWS,
    copyTo: (index, target, at) => {
      target.set(FRAME, at);
      const view = new DataView(target.buffer, target.byteOffset + at);
      view.setUint32(isAnswer ? DESTINATION : SOURCE, 0x0a01_0000 + index);
      view.setUint32(isAnswer ? SOURCE : DESTINATION, 0x0a02_0001);
      view.setUint16(isAnswer ? PORTS + 2 : PORTS, 1024 + index);
      view.setUint16(isAnswer ? PORTS : PORTS + 2, 9);
      return FRAME.length;
    },
  };
}

jest.setTimeout(120_000);

describe.each([1, 2, 3])('external networks attached to packet workers (%d)', (workers) => {
  it('FG-425 FG-427: lets every frame out, and finds nobody dead, while hello rounds are made among frames', async () => {
    const near = MemoryNetwork.create([], datagrams(false), FRAME.length);
    const far = MemoryNetwork.create([], datagrams(true), FRAME.length);
    // They wait when the networks are attached, and enter when grid time begins.
    near.grant(FLOWS);
    const topology = twoStages();
    const host = await WorkerHost.start(
      {
        secret: new Uint8Array(32).fill(7),
        workers,
        slots: 8192,
        bytes: 256 * 1024 * 1024,
        baseDirectory: process.cwd(),
        taps: false,
        output: () => {
          throw new Error('a frame came to the thread that drives');
        },
      },
      [
        { name: 'EN-1', port: near.share },
        { name: 'EN-2', port: far.share },
      ],
    );
    try {
      for (const { id, role, members } of topology.clusters) {
        for (const { node, incarnation } of members) await host.add(nodeRef(id, node), incarnation, role);
      }
      await host.install(published(topology));
      await host.activate(1);
      let now = START;
      host.push(now);
      // Answers come after what they answer; from then on both sides send at once.
      far.awaitLeft(FLOWS, PATIENCE_MS);
      const rounds = 40;
      const perRound = 600;
      for (let round = 1; round <= rounds; round++) {
        near.grant(perRound);
        far.grant(perRound);
        now += HELLO_US;
        await host.tick(now);
      }
      far.awaitLeft(FLOWS + rounds * perRound, PATIENCE_MS);
      near.awaitLeft(rounds * perRound, PATIENCE_MS);
      await host.settle(now);

      const { detections } = await host.harvest();
      const statistics = await host.statistics();
      expect(detections).toEqual([]);
      expect(statistics.flatMap(({ dropped }) => Object.keys(dropped))).toEqual([]);
      expect([near.entered, far.entered]).toEqual([near.granted, far.granted]);
      expect(host.inject(1, now, 0, () => FRAME.length)).toBe(false);
    } finally {
      await host.close();
    }
  });
});
