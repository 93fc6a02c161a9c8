import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeRef } from '../../domain/base/ids';
import type { GridState } from '../../domain/grid-state';
import { lanOf, lanPlanView, lanPorts } from '../../projections';
import { foreseenState, loadGridFile } from '../../runtime/control/grid-file';
import { describeWithServer } from '../services/suite';
import { BROADCAST, frameOf, tag } from '../support/ethernet';
import { InterfacesOnLan, nicHex } from '../support/interfaces-on-lan';
import { LinuxBridge, linuxBridgeAvailable } from '../support/lab/linux-bridge';
import { flowgrid } from '../support/up-process';

const root = join(__dirname, '../..');
const FIGURES = ['1', '2a', '2b', '2c', '2d', '2e', '2f', '2g', '4'];
/** The grid of the how-to has what the figures have not: networks at ports of their own. */
const PAGE = readFileSync(join(root, 'docs/how-to/set-up-the-lan.md'), 'utf8');
const WITH_NETWORKS = /^```yaml\n([\s\S]*?)^```$/m.exec(PAGE)![1]!;
const STRANGER = '020000000063';
const GROUP = '01005e000001';

/** Frames that a bridge keeps to itself, or sends only where it thinks that they are of use, unless it is told not to. */
const OF_NEIGHBOURS = {
  'spanning tree': `0180c20000000200000000aa0026424203${'00'.repeat(43)}`,
  LACP: `0180c20000020200000000aa88090101${'00'.repeat(44)}`,
  LLDP: `0180c200000e0200000000aa88cc${'00'.repeat(46)}`,
};

/** A router of IPv4 groups asks who listens, for answers within 0.1 s, and a host says that it does (RFC 2236). */
const QUERY = `01005e0000010200000000bb080046c000200000400001024215c0000201e0000001940400001101eefe00000000${'00'.repeat(14)}`;
const REPORT = `01005e0101010200000000aa080046c00020000040000102410ec0000207e001010194040000160008fde0010101${'00'.repeat(14)}`;
/** As long as a bridge that snoops takes to believe that router, and more. */
const BELIEVED_MS = 400;

/** Interfaces whose frames come and go by a switch that is elsewhere. */
class InterfacesElsewhere extends InterfacesOnLan {
  readonly leaving: (readonly [port: number, frame: Uint8Array])[] = [];

  override inject(port: number, bytes: Uint8Array): void {
    this.leaving.push([port, bytes.slice()]);
  }
}

describeWithServer('commands of link plan on a Linux bridge', linuxBridgeAvailable, () => {
  let bridge: LinuxBridge;
  let dir: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'flowgrid-bridge-plan-'));
    writeFileSync(join(dir, 'lan.yaml'), WITH_NETWORKS);
    bridge = await LinuxBridge.start();
  }, 60_000);

  afterAll(async () => {
    await bridge?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Has the bridge run what the program prints for a grid file. */
  async function setUp(grid: string): Promise<GridState> {
    const file = join(grid === 'lan.yaml' ? dir : join(root, 'examples'), grid);
    const state = foreseenState(loadGridFile(readFileSync(file, 'utf8'), file));
    const { code, stdout } = await flowgrid('link', 'plan', file, '--format', 'linux-bridge');
    expect(code).toBe(0);
    await bridge.obey(
      stdout,
      lanPorts(state).map(({ name }) => name),
    );
    return state;
  }

  const grids = [...FIGURES.map((figure) => `figure-${figure}.yaml`), 'lan.yaml'];

  it.each(grids)('FG-618: %s: each port is in the VLANs of the plan, and in no other', async (name) => {
    const state = await setUp(name);
    const { ports } = lanPlanView(state);
    const told = (await bridge.vlans()).slice(0, ports.length);
    const planned = ports.map(({ pvid, tagged, untagged, sendOnly }) => {
      const plain = untagged.map((vlan) => [vlan, vlan === pvid ? 'pvid untagged' : 'untagged'] as const);
      return [...[...tagged, ...sendOnly].map((vlan) => [vlan, ''] as const), ...plain].sort(([a], [b]) => a - b);
    });
    expect(told).toEqual(planned);
  });

  it.each(grids)('FG-619: %s: frames reach whom they reach by the plan', async (name) => {
    const state = await setUp(name);
    const ports = lanPorts(state);
    // The plan's own switch says who is to see a frame, and the same where every port filters whose ports it reaches.
    const plan = new InterfacesOnLan(lanOf(state), ports);
    const filtering = new InterfacesOnLan(lanOf(state), ports, { alwaysFiltering: true });
    const real = new InterfacesElsewhere(lanOf(state), ports);
    let number = 0;
    const everywhere = (act: (lan: InterfacesOnLan) => boolean | void): void => {
      number++;
      const results = [plan, filtering, real].map((lan) => act(lan));
      expect(new Set(results).size).toBe(1);
    };
    const stations = ports.flatMap(({ nodes }) => nodes.map((node) => nodeRef(node.cluster, node.node)));
    ports.forEach((port, at) => {
      for (const { cluster, node } of port.nodes) {
        const from = nodeRef(cluster, node);
        for (const link of Object.values(state.links.links)) {
          for (const to of [BROADCAST, GROUP, STRANGER, ...stations.map(nicHex)]) {
            everywhere((lan) => lan.send(at, from, link.id, frameOf({ from: nicHex(from), to, number })));
          }
        }
      }
      if (port.network === undefined) return;
      const tags = state.grid!.networks.find(({ id }) => id === port.network)!.tagged ? [tag(100)] : [];
      for (const to of [BROADCAST, GROUP, STRANGER]) {
        const frame = frameOf({ from: 0xe0 + at, to, number, tags });
        everywhere((lan) => lan.inject(at, frame));
      }
    });
    for (const [port, frame] of real.leaving) await bridge.send(port, frame);
    const arrived = (await bridge.collect()).slice(0, ports.length);
    filtering.settle();
    const byPort = ports.map((_, port) =>
      filtering.arrived.filter((each) => each.port === port).map(({ frame }) => Buffer.from(frame).toString('hex')),
    );
    expect(arrived).toEqual(byPort);
    arrived.forEach((frames, port) => {
      if (ports[port]!.network !== undefined) return;
      for (const frame of frames) real.deliver(port, Buffer.from(frame, 'hex'));
    });
    const handed = seen(plan);
    expect(seen(real)).toEqual(handed);
    expect(handed.length).toBeGreaterThan(5);
  });

  describe('between a network and its INODE', () => {
    let network: number;
    let inode: number;

    beforeAll(async () => {
      const ports = lanPorts(await setUp('lan.yaml')).map(({ name }) => name);
      [network, inode] = [ports.indexOf('EN-2'), ports.indexOf('IC-1')];
    });

    /** Sends a frame with the network's tag; it comes to the other one as it is. */
    async function crosses(from: number, to: number, frame: string): Promise<void> {
      const tagged = `${frame.slice(0, 24)}81000064${frame.slice(24)}`;
      await bridge.send(from, Buffer.from(tagged, 'hex'));
      expect((await bridge.collect())[to]).toEqual([tagged]);
    }

    it.each(Object.entries(OF_NEIGHBOURS))('FG-620: %s crosses the bridge', async (_, frame) => {
      await crosses(network, inode, frame);
      await crosses(inode, network, frame);
    });

    it('FG-620: the bridge does not choose who listens to groups', async () => {
      await crosses(network, inode, QUERY);
      for (const began = performance.now(); performance.now() < began + BELIEVED_MS;) {
        await crosses(inode, network, REPORT);
        await crosses(network, inode, REPORT.replace('0200000000aa', '0200000000bb'));
      }
    });
  });
});

/** What applications were handed, in whatever order. */
function seen(lan: InterfacesOnLan): string[] {
  return lan
    .settle()
    .map(({ node, link, frame }) => `${node} ${link} ${Buffer.from(frame).toString('hex')}`)
    .sort();
}
