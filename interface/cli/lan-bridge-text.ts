import type { LanPlanView } from '../../projections';

/**
 * The plan of a LAN as commands for a Linux bridge ([0032]): each port is a device of its name. A Linux bridge always filters what
 * comes in, so that ports are in the VLANs, too, in which they only send; interfaces drop what others send there.
 */
export function lanBridgeText({ grid, ports, primaryDown, primaryBack }: LanPlanView): string[] {
  return [
    `# Grid ${grid}: bridge br0, a device for each port`,
    'ip link set dev br0 type bridge vlan_filtering 1 vlan_default_pvid 0',
    ...ports.flatMap(({ port, pvid, tagged, untagged, sendOnly }) => {
      const inside = [...tagged, ...sendOnly].map((vlan) => `bridge vlan add dev ${port} vid ${vlan}`);
      const plain = untagged.map(
        (vlan) => `bridge vlan add dev ${port} vid ${vlan}${vlan === pvid ? ' pvid' : ''} untagged`,
      );
      return [...inside, ...plain];
    }),
    ...primaryDown.map(
      ({ link }) => `# This holds while the primary of ${link} is up; 'flowgrid link plan' says what else.`,
    ),
    ...primaryBack.map(
      ({ link }) => `# This holds while the standby of ${link} is connected; 'flowgrid link plan' says what else.`,
    ),
  ];
}
