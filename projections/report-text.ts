import { cutoverText } from './describe';
import type { ClusterReport, FailureReport, Report } from './report';
import { INVARIANTS } from './verdicts';

/** Words for people: `pinnedTopology` reads `pinned topology`. */
export function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** A report as lines of text. */
export function reportText(report: Report): string[] {
  return [
    `Grid ${report.grid}, fed with ${report.source} (seed ${report.seed}, ${(report.elapsedMs / 1_000).toFixed(1)} s, kernels ${report.kernels})`,
    '',
    ...framesText(report),
    ...replicationText(report),
    ...flowsText(report),
    '',
    ...report.clusters.flatMap(clusterText),
    ...report.failures.flatMap(failureText),
    ...cutoversText(report),
    topologyText(report),
    `Log: ${grouped(report.log.seq)} commits, ${grouped(report.log.bytes)} bytes, head ${report.log.head.slice(0, 16)}`,
    '',
    'Invariants',
    ...INVARIANTS.map((name) => `  ${words(name).padEnd(16)} ${report.invariants[name]}`),
  ];
}

function framesText({ frames }: Report): string[] {
  const dropped = Object.entries(frames.dropped);
  const lines = [
    `Frames: ${grouped(frames.in)} in, ${grouped(frames.out)} out, ${grouped(frames.consumed)} consumed, ` +
      `${grouped(frames.shadow)} shadowed, ${grouped(frames.replica)} for replicas`,
  ];
  if (dropped.length > 0)
    lines.push(`  dropped: ${dropped.map(([reason, n]) => `${reason} ${grouped(n)}`).join(', ')}`);
  if (frames.created > 0) lines.push(`  created by nodes: ${grouped(frames.created)}`);
  if (frames.bridged > 0) lines.push(`  copied to further networks of a bridge domain: ${grouped(frames.bridged)}`);
  if (frames.altered > 0)
    lines.push(`  left altered: ${grouped(frames.altered)} of ${grouped(frames.alteredFlows)} flows`);
  const { answered, fragmented, clamped } = frames.mtu;
  if (answered + fragmented + clamped > 0)
    lines.push(
      `  for narrow links: ${grouped(answered)} answered as too big, ${grouped(fragmented)} cut into fragments, ` +
        `${grouped(clamped)} segment sizes lowered`,
    );
  return lines;
}

function replicationText({ replication }: Report): string[] {
  if (replication === undefined) return [];
  return [`Replicas: ${grouped(replication.compared)} frames compared, ${grouped(replication.differing)} differ`];
}

function flowsText({ flows, flood }: Report): string[] {
  const types = Object.entries(flows.byType).map(([type, n]) => `${type} ${grouped(n)}`);
  const lines = [
    `Flows: ${grouped(flows.started)} started, ${grouped(flows.ended)} ended, ${grouped(flows.active)} active`,
  ];
  if (types.length > 0) lines.push(`  by type: ${types.join(', ')}`);
  if (flood.began > 0 || flood.frames > 0) {
    lines.push(
      `  not remembered: ${grouped(flood.frames)} frames in ${grouped(flood.began)} floods, ` +
        `${grouped(flood.untracked)} at nodes without room`,
    );
  }
  return lines;
}

function clusterText(cluster: ClusterReport): string[] {
  const head = `Cluster ${cluster.name} (${cluster.policy}, ${cluster.selector}, imbalance ${cluster.imbalance})`;
  const rows = cluster.nodes.map(
    (node) =>
      `  ${node.name.padEnd(8)} ${node.state.padEnd(10)} ${grouped(node.flows).padStart(9)} flows ` +
      `${grouped(node.frames).padStart(12)} frames ${grouped(node.bytes).padStart(15)} bytes   ` +
      `p50 ${grouped(node.latencyUs.p50)} µs, p99 ${grouped(node.latencyUs.p99)} µs`,
  );
  return [head, ...rows, ''];
}

function failureText(failure: FailureReport): string[] {
  const when = failure.atFrame < 0 ? '' : ` at frame ${grouped(failure.atFrame)}`;
  const detected = failure.detectedMs < 0 ? 'not detected' : `detected after ${failure.detectedMs} ms`;
  const noticed =
    failure.noticedMs < 0
      ? ''
      : `, noticed after ${failure.noticedMs} ms by the first of ${failure.noticedBy} neighbours`;
  return [
    `Failure of ${failure.node}${when}: ${detected}${noticed}`,
    `  of ${grouped(failure.flowsOnNode)} flows ${grouped(failure.takenOver)} were taken over, ` +
      `${grouped(failure.rerouted)} rerouted, ${grouped(failure.discarded)} given up`,
    `  frames lost ${grouped(failure.framesLost)}, left twice ${grouped(failure.framesDuplicated)}`,
    '',
  ];
}

function cutoversText({ cutovers = [] }: Report): string[] {
  if (cutovers.length === 0) return [];
  const lines = cutovers.map((cutover) => {
    const { link, node, connected } = cutover;
    return `Link ${link}: ${node} (${connected}) was connected, because ${cutoverText(cutover)}`;
  });
  return [...lines, ''];
}

function topologyText({ topology }: Report): string {
  return (
    `Topology: version ${topology.version} under ID ${topology.wireId}, ` +
    `${topology.published} published, ${topology.retired} retired`
  );
}

/** 1234567 as `1,234,567`. */
function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}
