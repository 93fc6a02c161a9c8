import type { LanPlanView } from '../../projections';

/** Of 01:80:C2:00:00:00 to 0F, bit by bit; pause frames are between the two ends of a wire (IEEE 802.1Q, table 8-1). */
const ALL_BUT_PAUSE = '0xfffd';

/**
 * The plan of a LAN as commands for a Linux bridge ([0032]): each port is a device of its name. A Linux bridge always filters what
 * comes in, so that ports are in the VLANs, too, in which they only send; interfaces drop what others send there. What networks send
 * to groups and to reserved addresses goes on as over a wire: the bridge does not look who listens, and keeps nothing to itself
 * where they join.
 */
export function lanBridgeText(plan: LanPlanView): string[] {
  const { grid, ports } = plan;
  return [
    `# Grid ${grid}: bridge br0, a device for each port`,
    'ip link set dev br0 type bridge vlan_filtering 1 vlan_default_pvid 0 mcast_snooping 0',
    ...ports.flatMap(({ port, pvid, tagged, untagged, sendOnly, links }) => {
      const inside = [...tagged, ...sendOnly].map((vlan) => `bridge vlan add dev ${port} vid ${vlan}`);
      const plain = untagged.map(
        (vlan) => `bridge vlan add dev ${port} vid ${vlan}${vlan === pvid ? ' pvid' : ''} untagged`,
      );
      const isJoined = links.some(({ kind }) => kind === 'external');
      const reserved = isJoined ? [`ip link set dev ${port} type bridge_slave group_fwd_mask ${ALL_BUT_PAUSE}`] : [];
      return [...inside, ...plain, ...reserved];
    }),
    ...conditionsText(plan).map((condition) => `# ${condition}`),
  ];
}

/** What a plan that is printed for a switch holds for only, because the other end of a resilient link can be connected. */
export function conditionsText({ primaryDown, primaryBack }: LanPlanView): string[] {
  return [
    ...primaryDown.map(
      ({ link }) => `This holds while the primary of ${link} is up; 'flowgrid link plan' says what else.`,
    ),
    ...primaryBack.map(
      ({ link }) => `This holds while the standby of ${link} is connected; 'flowgrid link plan' says what else.`,
    ),
  ];
}
