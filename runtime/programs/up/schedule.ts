import { FlowgridError } from '../../../domain/base/errors';
import type { NodeAtFraction, ScaleAtFraction, UpOptions } from '../../../interface/cli/programs';

/** Something that happens to the grid when a share of the capture's frames has been fed in. */
export type Action =
  | { readonly kind: 'kill'; readonly node: string }
  | { readonly kind: 'revive'; readonly node: string }
  | { readonly kind: 'scale'; readonly cluster: string; readonly nodes: number };

export interface ScheduledAction {
  /** Before this frame (0-based) is fed in. */
  readonly atFrame: number;
  readonly action: Action;
}

/** A node as the grid file lists it. */
export interface ListedNode {
  readonly cluster: string;
  /** Its name, as in `AB-2`. */
  readonly name: string;
  readonly spare: boolean;
}

/**
 * Refuses actions that name what the grid does not have, before anything has happened.
 *
 * @param clusters names of its clusters
 * @param nodes its nodes, spares included
 * @throws FlowgridError `usage` for actions without a capture, `not-found` for an unknown name.
 */
export function checkActions(
  options: Pick<UpOptions, 'kills' | 'revives' | 'scales'>,
  clusters: readonly string[],
  nodes: readonly ListedNode[],
  hasCapture: boolean,
): void {
  const { kills, revives, scales } = options;
  if (!hasCapture && kills.length + revives.length + scales.length > 0) {
    throw new FlowgridError('usage', '--kill, --revive and --scale happen at a share of a capture, and there is none', {
      remedy: 'Name one with --capture, or in the grid file: capture: { file: … }.',
    });
  }
  const check = (option: string, name: string, known: readonly string[]): void => {
    if (known.includes(name)) return;
    throw new FlowgridError('not-found', `${option} ${name}: the grid file has nothing of that name`, {
      remedy: `It has: ${known.join(', ')}.`,
    });
  };
  const names = nodes.map(({ name }) => name);
  for (const { node } of kills) check('--kill', node, [...names, ...clusters]);
  for (const { node } of revives) check('--revive', node, names);
  for (const { cluster } of scales) check('--scale', cluster, clusters);
}

/** The options' actions in order of frames; at the same frame kills come before revivals, these before scaling. */
export function scheduleActions(
  options: Pick<UpOptions, 'kills' | 'revives' | 'scales'>,
  frames: number,
): ScheduledAction[] {
  const at = ({ fraction }: NodeAtFraction | ScaleAtFraction): number => {
    if (!(fraction >= 0 && fraction <= 1)) {
      throw new FlowgridError('usage', `fraction ${fraction} is not between 0 and 1`, {
        remedy: 'Give the share of the capture, as in --kill AB-2@0.5.',
      });
    }
    return Math.min(frames - 1, Math.floor(fraction * frames));
  };
  const actions: ScheduledAction[] = [
    ...options.kills.map((kill) => ({ atFrame: at(kill), action: { kind: 'kill' as const, node: kill.node } })),
    ...options.revives.map((each) => ({ atFrame: at(each), action: { kind: 'revive' as const, node: each.node } })),
    ...options.scales.map((scale) => ({
      atFrame: at(scale),
      action: { kind: 'scale' as const, cluster: scale.cluster, nodes: scale.nodes },
    })),
  ];
  return actions.sort((a, b) => a.atFrame - b.atFrame);
}
