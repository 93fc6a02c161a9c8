import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lanBridgeText } from '../../../../interface/cli/lan-bridge-text';
import { lanPlanView } from '../../../../projections';
import { foreseenState, loadGridFile } from '../../../../runtime/control/grid-file';

/** The grid of the how-to: an untagged network and a tagged one, a star and a switch. */
const PAGE = readFileSync(join(__dirname, '../../../../docs/how-to/set-up-the-lan.md'), 'utf8');
const GRID = /^```yaml\n([\s\S]*?)^```$/m.exec(PAGE)![1]!;

test('FG-572: commands for a Linux bridge say for each port the VLANs that it is in, and those that it sends in', () => {
  const plan = lanPlanView(foreseenState(loadGridFile(GRID, 'lan.yaml')));
  const on = (port: string, ...vlans: readonly number[]): string[] =>
    vlans.map((vlan) => `bridge vlan add dev ${port} vid ${vlan}`);
  const open = (port: string): string => `ip link set dev ${port} type bridge_slave group_fwd_mask 0xfffd`;
  expect(lanBridgeText(plan)).toEqual([
    '# Grid lan: bridge br0, a device for each port',
    'ip link set dev br0 type bridge vlan_filtering 1 vlan_default_pvid 0 mcast_snooping 0',
    'bridge vlan add dev EN-1 vid 2048 pvid untagged',
    open('EN-1'),
    ...on('EN-2', 100),
    open('EN-2'),
    ...on('IA-1', 2048, 2049, 2050),
    open('IA-1'),
    ...on('IC-1', 100, 2051),
    open('IC-1'),
    ...on('AB-1', 2049, 2051, 2050),
    ...on('AB-2', 2049, 2051, 2050),
  ]);
});
