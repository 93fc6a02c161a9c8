import type { Millis } from '../../domain/base/ids';
import type { ConnectedView, LinksView, LinkView, MemberView, ReachView, WholeLinkView } from '../../projections';
import { cutoverText } from '../../projections';
import { timeText } from './text';

/** What people read of `link list` and `link show`. */

export function linksText({ grid, links, resting }: LinksView): string[] {
  const rest = resting === 0 ? '' : `; ${resting} released VLAN ID${resting === 1 ? ' rests' : 's rest'}`;
  const widest = (text: (link: LinkView) => string): number => Math.max(0, ...links.map((link) => text(link).length));
  const [width, kinds, vlans] = [widest(({ name }) => name), widest(kindText), widest(vlansText)];
  const rows = links.map((link) => {
    const what = [kindText(link).padEnd(kinds), vlansText(link).padEnd(vlans)].join('  ');
    return `${link.name.padEnd(width)}  ${what}  ${link.members.map((member) => memberText(link, member, link.connected?.since)).join(', ')}`;
  });
  return [`Grid ${grid}: ${links.length} link${links.length === 1 ? '' : 's'}${rest}`, ...rows];
}

export function linkText(link: WholeLinkView): string[] {
  return [
    `Link ${link.name} (${kindText(link)}), ${vlansText(link)}, MTU ${link.mtu}`,
    `Members: ${link.members.map((member) => memberText(link, member)).join(', ')}`,
    ...(link.connected === undefined ? [] : [`Connected: ${connectedText(link.connected)}`]),
    `Paths: ${link.paths.length === 0 ? 'none' : link.paths.join(', ')}`,
    'Whom a frame reaches:',
    ...reachText(link.reach),
    'MAC addresses:',
    ...link.macs.map(
      ({ node, nic, link: own }) => `  ${node.padEnd(8)} ${nic}${own === undefined ? '' : `, on this link ${own}`}`,
    ),
  ];
}

function kindText({ kind, hub, control, direction, restoreMs }: LinkView): string {
  const traits = [
    hub ? 'hub mode' : '',
    control ? 'control' : '',
    direction === undefined || direction === 'both' ? '' : direction,
    restoreMs === undefined ? '' : `back after ${restoreMs} ms`,
  ];
  return [kind, ...traits.filter((trait) => trait !== '')].join(', ');
}

function connectedText({ end, node, since, because }: ConnectedView): string {
  const known = since === undefined ? '' : `, since ${timeText(since)}`;
  return `${node} (${end})${known}, ${because === undefined ? '' : 'because '}${cutoverText({ connected: end, because })}`;
}

function vlansText({ vlans, tap }: LinkView): string {
  if (tap !== undefined) return `listens to ${tap.link} ${tap.direction}`;
  const { both, transmit, receive } = vlans;
  const ways = [
    ...(both.length === 0 ? [] : [rangesText(both)]),
    ...(transmit.length === 0 ? [] : [`${rangesText(transmit)} forward`]),
    ...(receive.length === 0 ? [] : [`${rangesText(receive)} back`]),
  ];
  return ways.length === 0 ? 'no VLAN yet' : `VLAN ${ways.join(', ')}`;
}

/** @param since when the end of a resilient link was connected, where that is told with it */
function memberText(
  { direction, connected }: LinkView,
  { name, side, sends, hears, promiscuous }: MemberView,
  since?: Millis,
): string {
  const told = [
    ...(direction === undefined ? [] : [side]),
    ...(connected?.end === side ? [`connected${since === undefined ? '' : ` since ${timeText(since)}`}`] : []),
    ...(direction !== undefined && !(sends && hears) ? [sends ? 'sends only' : 'hears only'] : []),
    ...(promiscuous ? ['promiscuous'] : []),
  ];
  return told.length === 0 ? name : `${name} (${told.join(', ')})`;
}

/** A line for each sender and kind of frame; unicast frames that reach the same are one line. */
function reachText(reach: readonly ReachView[]): string[] {
  const lines = new Map<string, string[]>();
  for (const { from, to, interfaces, applications, primaryDown } of reach) {
    const own = applications.length === interfaces.length ? '' : `; applications: ${namesText(applications)}`;
    const line = (goal: string): string =>
      `  ${primaryDown ? 'primary down: ' : ''}from ${from} to ${goal}: ${namesText(interfaces)}${own}`;
    const key = line('');
    lines.set(key, [...(lines.get(key) ?? []), to]);
  }
  return [...lines].map(([key, goals]) => key.replace(' to : ', ` to ${goals.map(goalText).join(', ')}: `));
}

function goalText(to: string): string {
  return to === 'unknown' ? 'unknown stations' : to;
}

function namesText(names: readonly string[]): string {
  return names.length === 0 ? 'nobody' : names.join(', ');
}

/** IDs as switches take them: `7,9,2048-2050`. They are in order. */
export function rangesText(ids: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const id of ids) {
    const open = ranges.at(-1);
    if (open?.[1] === id - 1) open[1] = id;
    else ranges.push([id, id]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
