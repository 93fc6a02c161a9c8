/**
 * How `flowgrid classify` prints: JSON lines for programs, aligned columns for people. The rows come from the program;
 * this file knows their fields and nothing of how they were found.
 */
export interface ClassifiedConnection {
  readonly flow: number;
  readonly type: string;
  readonly proto: number;
  readonly a: string;
  readonly aPort: number;
  readonly b: string;
  readonly bPort: number;
  readonly vlan: number | null;
  readonly packetsAB: number;
  readonly packetsBA: number;
  readonly laterFragmentsAB: number;
  readonly laterFragmentsBA: number;
  readonly bytesAB: number;
  readonly bytesBA: number;
  readonly firstTs: number;
  readonly lastTs: number;
  readonly start: 'syn' | 'midstream' | 'first-packet';
  readonly end: 'fin' | 'rst' | 'idle' | 'eof';
  readonly group: number;
}

/** What all records came to; counts of frames but for `tcp` … `other`, which are distinct 5-tuples. */
export interface ClassifiedSummary {
  readonly summary: true;
  readonly frames: number;
  readonly ip: number;
  readonly nonIp: number;
  readonly fragments: number;
  readonly malformed: number;
  readonly tcp: number;
  readonly udp: number;
  readonly icmp: number;
  readonly other: number;
  readonly orphanFragments: number;
  readonly withoutPorts: number;
  readonly withoutHeader: number;
}

/** Where a capture stopped being readable; everything before was classified. */
export interface CutCapture {
  readonly capture: string;
  readonly offset: number;
  readonly message: string;
}

/** A connection as one JSON line, its fields in the contract's order. */
export function connectionJson(row: ClassifiedConnection): string {
  const { flow, type, proto, a, aPort, b, bPort, vlan } = row;
  const { packetsAB, packetsBA, laterFragmentsAB, laterFragmentsBA, bytesAB, bytesBA } = row;
  const { firstTs, lastTs, start, end, group } = row;
  const ends = { flow, type, proto, a, aPort, b, bPort, vlan };
  const counts = { packetsAB, packetsBA, laterFragmentsAB, laterFragmentsBA, bytesAB, bytesBA };
  return JSON.stringify({ ...ends, ...counts, firstTs, lastTs, start, end, group });
}

/** The summary as one JSON line; `readErrors` only where a capture is damaged. */
export function summaryJson(summary: ClassifiedSummary, cut: readonly CutCapture[]): string {
  return JSON.stringify(cut.length === 0 ? summary : { ...summary, readErrors: cut });
}

/** A connection for people: who, how much each way, how long, how it began and ended, in which flow. */
export function connectionText(row: ClassifiedConnection): string {
  const ends = `${endText(row.a, row.aPort)} > ${endText(row.b, row.bPort)}`;
  const vlan = row.vlan === null ? '' : ` vlan ${row.vlan}`;
  const later = row.laterFragmentsAB + row.laterFragmentsBA;
  const fragments = later === 0 ? '' : ` +${row.laterFragmentsAB}/${row.laterFragmentsBA} fragments`;
  return (
    `${row.type.padEnd(8)} ${ends.padEnd(46)} ${row.packetsAB}/${row.packetsBA} packets${fragments}` +
    ` ${row.bytesAB}/${row.bytesBA} bytes ${duration(row.lastTs - row.firstTs)} ${row.start}..${row.end}` +
    `${vlan} flow ${row.group.toString(16).padStart(8, '0')}`
  );
}

/** The summary for people, and each capture that could not be read to its end. */
export function summaryText(summary: ClassifiedSummary, cut: readonly CutCapture[]): string[] {
  const { orphanFragments, withoutPorts, withoutHeader } = summary;
  const loose = [
    orphanFragments > 0 ? `${orphanFragments} later fragments without a first one` : '',
    withoutPorts > 0 ? `${withoutPorts} cut before their ports` : '',
    withoutHeader > 0 ? `${withoutHeader} cut before their TCP flags` : '',
  ].filter((text) => text !== '');
  return [
    `${summary.frames} frames: ${summary.ip} IP (${summary.fragments} fragments), ${summary.nonIp} not IP, ` +
      `${summary.malformed} malformed`,
    `${summary.tcp} TCP, ${summary.udp} UDP, ${summary.icmp} ICMP and ${summary.other} other 5-tuples`,
    ...(loose.length === 0 ? [] : [`in no connection: ${loose.join(', ')}`]),
    ...cut.map(({ capture, offset, message }) => `${capture} cannot be read from byte ${offset} on: ${message}`),
  ];
}

function endText(address: string, port: number): string {
  if (port === 0) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function duration(seconds: number): string {
  return `${seconds.toFixed(seconds < 10 ? 3 : 1)} s`;
}
