import type { AgentStatistics, PortStatistics } from '../../domain/agent/statistics';
import type { NodeStatistics } from '../../domain/node/statistics';
import type {
  ClusterStream,
  GridStream,
  LinkRates,
  LinkStream,
  NodesSummary,
  StreamHead,
  TypeStream,
} from '../../projections';
import { microsText, timeText } from './text';

/** Streams of statistics as people read them: a title, then lines of a label and what it says. */

export function gridStatsText(stream: GridStream): string[] {
  const { topology, nodes, heard, oldestMs, silent, silentNodes } = stream;
  const states = Object.entries(nodes).map(([status, n]) => `${n} ${status}`);
  const age = oldestMs === null ? '' : `, figures up to ${oldestMs} ms old`;
  const missing = silent === 0 ? '' : `; NOT HEARD: ${someOf(silentNodes, silent)}`;
  return [
    title(`Grid ${stream.grid}`, stream),
    line('nodes', `${states.join(', ')}; ${heard} heard${age}${missing}`),
    line('topology', `${topology.version}, new flows get ${topology.stamped}, ${topology.live} live`),
    ...summaryText(stream),
  ];
}

export function clusterStatsText(stream: ClusterStream): string[] {
  const { cluster, role, mode, nodes } = stream;
  const each = nodes.map(({ node, status, ageMs, silent }) => {
    const age = ageMs === null ? '' : ` ${ageMs} ms ago`;
    return `${node} ${status}${silent ? ' NOT HEARD' : ''}${age}`;
  });
  return [
    title(`Cluster ${cluster} (${role}, ${mode})`, stream),
    line('nodes', each.join(', ')),
    ...summaryText(stream),
  ];
}

export function linkStatsText(stream: LinkStream): string[] {
  const traffic = (rates: LinkRates, frames: number, bytes: number): string =>
    `${number(rates.frames)} frames/s, ${bits(rates.bits)}; ${number(frames)} frames, ${number(bytes)} bytes in all`;
  return [
    title(`Link ${stream.link} (${stream.kind})`, stream),
    line('all', traffic(stream.perSecond, stream.frames, stream.bytes)),
    ...stream.directions.map(({ from, to, frames, bytes, perSecond }) =>
      line(`${from} > ${to}`, traffic(perSecond, frames, bytes)),
    ),
  ];
}

export function typeStatsText(stream: TypeStream): string[] {
  const { flows, started, ended, packets, bytes, perSecond } = stream;
  return [
    title(`Flow type ${stream.flowType} (${stream.name})`, stream),
    line('flows', `${number(flows)} live, ${number(perSecond.newFlows)} new/s; ${started} began, ${ended} ended`),
    line(
      'traffic',
      `${number(perSecond.packets)} packets/s, ${bits(perSecond.bits)}; ${number(packets)} packets, ${number(bytes)} bytes in all`,
    ),
  ];
}

export function nodeStatsText(node: NodeStatistics & { readonly name: string }): string[] {
  return [
    `Node ${node.name}, life ${node.incarnation}, at ${microsText(node.at)}`,
    line('flows', `${node.flowsPrimary} handled, ${node.flowsBackup} shadowed; ${node.flowsStarted} began here`),
    line('frames', `${number(node.received)} over links, ${number(node.externalIn)} from networks came`),
    line('', `${number(node.sent)} over links, ${number(node.externalOut)} to networks went; ${node.inFlight} inside`),
    line('dropped', reasons(node.dropped)),
    line('load', `${percent(node.utilisation)}${node.congested ? ', congested' : ''}`),
  ];
}

export function agentStatsText(agent: AgentStatistics): string[] {
  const { name, life, at, nodes, underlay, networks, unattached, requests } = agent;
  const asked = Object.entries(requests).map(([outcome, n]) => `${number(n)} ${outcome}`);
  return [
    `Agent ${name}, process of ${timeText(life)}, at ${microsText(at)}`,
    line('hosts', nodes.length === 0 ? 'no nodes' : nodes.join(', ')),
    ...portText('underlay', underlay),
    ...Object.entries(networks).flatMap(([network, port]) => portText(network, port)),
    ...(unattached === 0
      ? []
      : [line('unattached', `${number(unattached)} frames left for networks without a port here`)]),
    line('requests', asked.join(', ')),
  ];
}

function portText(label: string, port: PortStatistics): string[] {
  const way = (frames: number, bytes: number, datagrams: number | undefined): string =>
    `${number(frames)} frames, ${number(bytes)} bytes` +
    (datagrams === undefined ? '' : ` in ${number(datagrams)} datagrams`);
  return [
    line(label, `in  ${way(port.framesIn, port.bytesIn, port.datagramsIn)}`),
    line('', `out ${way(port.framesOut, port.bytesOut, port.datagramsOut)}`),
    line('', `dropped ${reasons(port.dropped)}`),
  ];
}

function summaryText({ flows, backups, perSecond, latencyUs, utilisation, congested, counts }: NodesSummary): string[] {
  const load =
    utilisation === null ? 'unknown' : `busiest ${percent(utilisation.most)}, mean ${percent(utilisation.mean)}`;
  const latency =
    latencyUs === null ? 'no frame left here' : `p50 ${latencyUs.p50}, p90 ${latencyUs.p90}, p99 ${latencyUs.p99} µs`;
  return [
    line('flows', `${flows} handled, ${backups} shadowed; ${number(perSecond.newFlows)} new/s`),
    line(
      'traffic',
      `${number(perSecond.entered)} in/s, ${number(perSecond.left)} out/s, ${number(perSecond.frames)} frames/s received, ` +
        `${bits(perSecond.linkBits)} over links, ${number(perSecond.dropped)} dropped/s`,
    ),
    line('latency', latency),
    line('load', `${load}; ${congested} congested`),
    line(
      'in all',
      `${number(counts.entered)} in, ${number(counts.left)} out, ${number(counts.frames)} received; ` +
        `${number(counts.flowsStarted)} flows began here`,
    ),
    line('dropped', reasons(counts.dropped)),
  ];
}

function title(what: string, { at, by, epoch }: StreamHead): string {
  return `${what} at ${timeText(at)}, told by ${by} (epoch ${epoch})`;
}

function line(label: string, text: string): string {
  return `  ${label.padEnd(10)} ${text}`;
}

function someOf(names: readonly string[], count: number): string {
  return count > names.length ? `${names.join(', ')} and ${count - names.length} more` : names.join(', ');
}

function reasons(dropped: { readonly [reason: string]: number }): string {
  const each = Object.entries(dropped).map(([reason, n]) => `${reason} ${number(n)}`);
  return each.length === 0 ? 'nothing' : each.join(', ');
}

function number(n: number): string {
  return n.toLocaleString('en-US');
}

function bits(perSecond: number): string {
  const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];
  let value = perSecond;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${Math.round(10 * value) / 10} ${units[unit]}`;
}

function percent(perMille: number): string {
  return `${Math.round(perMille) / 10} %`;
}
