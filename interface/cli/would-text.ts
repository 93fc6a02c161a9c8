import type { Because } from '../../projections';
import { becauseText } from './text';

/** Where a connection would go if it began: what `trace` tells of one that the log does not hold, or under `--grid`. */
export interface WouldStory {
  /** Always true: nothing of this has happened. */
  readonly would: true;
  readonly key: string;
  /** The grid file whose changes are supposed; null = the grid as it is, or was. */
  readonly grid: string | null;
  readonly topology: { readonly version: number; readonly seq: number };
  readonly entrances: readonly WouldEntrance[];
}

/** What would happen to the connection at one external network. */
export interface WouldEntrance {
  readonly network: string;
  /** Null: it would be refused, by these reasons. */
  readonly flow: string | null;
  readonly refused: readonly string[];
  readonly type: string;
  readonly path: string;
  readonly because: readonly Because[];
  readonly route: readonly WouldStop[];
}

export interface WouldStop {
  readonly cluster: string;
  /** Null: it cannot be known before the flow begins. */
  readonly node: string | null;
  readonly backup: string | null;
  readonly why: string;
}

export function wouldText(story: WouldStory): string[] {
  const { key, grid, topology, entrances } = story;
  const head =
    grid === null
      ? `${key} is not in the log. If it began under topology ${topology.version} (commit ${topology.seq}), it would go so:`
      : `${key}, if it began in the grid that ${grid} describes, would go so:`;
  return [
    head,
    ...entrances.flatMap(entranceText),
    'Supposed: its flow ID is free (one that is taken or rests is passed over), and every node is up to date.',
  ];
}

function entranceText({ network, flow, refused, type, path, because, route }: WouldEntrance): string[] {
  if (flow === null) return [`From ${network} it would be refused (${refused.join(', ') || 'no reason given'})`];
  return [
    `From ${network} it would be flow ${flow} (${type}) on ${path}`,
    ...becauseText(because, '     '),
    ...route.flatMap(({ cluster, node, backup, why }) => [
      `  ${cluster.padEnd(4)} ${node ?? 'cannot be known'}${backup === null ? '' : `, backed up by ${backup}`}`,
      `       ${why}`,
    ]),
  ];
}
