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
