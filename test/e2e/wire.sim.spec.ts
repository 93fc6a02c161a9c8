import { join } from 'node:path';
import type { Topology, TopologyCluster } from '../../domain/topology/topology';
import { readCaptureFile } from '../support/capture-file';
import { notRun } from '../support/not-run';
import { hasTraces, traces, TRACES } from '../support/run-up';
import { AB, AC, IA, IC, twoStages } from '../support/topologies';
import { FRAME_MAX_CARRIED, FRAME_MIN_CARRIED, sentFrames, throughGrid, unlikeAWire } from '../support/wire';

function doubled(cluster: TopologyCluster): TopologyCluster {
  return {
    ...cluster,
    members: [1, 2].map((node) => ({ ...cluster.members[0]!, node, fnode: cluster.id * 8 + node })),
  };
}

/** Two hosts see each other through two stages, by one INODE on either side. */
const PLAIN = twoStages();
/** The same by two INODEs on either side, of one bridge domain, where each hop selects the next. */
const REDUNDANT: Topology = (() => {
  const plain = twoStages({ selection: 'distributed' });
  const inodes = plain.clusters.filter(({ role }) => role === 'inode').map(({ id }) => id);
  return {
    ...plain,
    networks: plain.networks.map((network) => ({ ...network, bridge: 1 })),
    clusters: plain.clusters.map((cluster) =>
      inodes.includes(cluster.id)
        ? {
            ...cluster,
            members: [1, 2].map((node) => ({ ...cluster.members[0]!, node, fnode: cluster.id * 8 + node })),
          }
        : cluster,
    ),
    links: [
      ...plain.links,
      ...inodes.map((id) => ({ ...plain.links[0]!, id: 100 + id, name: `VN-${100 + id}`, members: [{ cluster: id }] })),
    ],
  };
})();

/** The same by one INODE, which both networks are at ([0049]). */
const ONE: Topology = (() => {
  const plain = twoStages();
  const [out, back] = plain.paths;
  return {
    ...plain,
    networks: plain.networks.map((network) => ({ ...network, cluster: IA })),
    clusters: plain.clusters.filter(({ id }) => id !== IC),
    links: [{ ...plain.links[0]!, members: [IA, AB, AC].map((cluster) => ({ cluster })) }],
    paths: [
      { ...out!, clusters: [IA, AB, AC, IA] },
      { ...back!, clusters: [IA, AC, AB, IA] },
    ],
  };
})();

/** The same by a cluster of two. */
const TWO: Topology = {
  ...ONE,
  clusters: ONE.clusters.map((cluster) => (cluster.id === IA ? doubled(cluster) : cluster)),
  links: [...ONE.links, { ...ONE.links[0]!, id: 100, name: 'VN-100', members: [{ cluster: IA }] }],
};

const grids: readonly [string, Topology][] = [
  ['one INODE on either side', PLAIN],
  ['two INODEs on either side, a bridge domain', REDUNDANT],
  ['one INODE for both networks', ONE],
  ['two INODEs for both networks', TWO],
  ['two INODEs for both networks, where each hop selects the next', { ...TWO, selection: 'distributed' }],
];

const suite = hasTraces ? describe : notRun('captures between two hosts', `there is no ${TRACES}`);

suite('FG-541: two hosts see of each other what they see over a wire', () => {
  describe.each(grids)('%s', (_name, topology) => {
    it.each(traces)('%s', async (name) => {
      const all = sentFrames(readCaptureFile(join(TRACES, name)).frames);
      const frames = all.filter(({ bytes }) => bytes.length >= FRAME_MIN_CARRIED && bytes.length <= FRAME_MAX_CARRIED);
      const through = await throughGrid(topology, [1, 2], frames);
      expect(unlikeAWire(frames, through)).toEqual([]);
      expect(through.dropped).toEqual({});
      // One frame is shorter than an Ethernet header, one longer than any Ethernet frame: no wire carries them.
      expect(all.length - frames.length).toBe(
        ['long-gnutella.pcap', 'odd-malformed-merged.pcap'].includes(name) ? 1 : 0,
      );
    });
  });
});

suite('captures between two hosts', () => {
  it('FG-541: most captures have frames from both sides, and groups, layer 2 and tags are among them', () => {
    const sent = traces.map((name) => sentFrames(readCaptureFile(join(TRACES, name)).frames));
    const speakBoth = sent.filter((frames) => new Set(frames.map(({ side }) => side)).size === 2);
    expect(speakBoth.length).toBeGreaterThanOrEqual(36);
    const count = (holds: (bytes: Buffer) => boolean): number =>
      sent.flat().filter(({ bytes }) => bytes.length >= 14 && holds(bytes)).length;
    expect(count((bytes) => bytes.readUInt16BE(12) === 0x0806)).toBeGreaterThan(20);
    expect(count((bytes) => (bytes[0]! & 1) !== 0)).toBeGreaterThan(1500);
    expect(count((bytes) => bytes.readUInt16BE(12) === 0x8100)).toBeGreaterThan(300);
    expect(count((bytes) => bytes.readUInt16BE(12) < 0x600)).toBeGreaterThan(80);
    // Neighbour solicitations and advertisements.
    expect(
      count((bytes) => bytes.readUInt16BE(12) === 0x86dd && bytes[20] === 58 && [135, 136].includes(bytes[54]!)),
    ).toBeGreaterThan(10);
  });
});
