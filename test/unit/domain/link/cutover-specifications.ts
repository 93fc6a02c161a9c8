import type { CommandBody } from '../../../../domain/commands';
import type { GridState } from '../../../../domain/grid-state';
import { and, givenSmallGrid, spec, type Specification } from '../given';
import { link } from './link-grid';

const CUT_OVER: CommandBody = { type: 'CutOverLink', data: { link: 1 } };

/** IA-1 is the root, AB-1 the primary, AB-2 the standby. */
export const resilient = link({
  kind: 'resilient',
  members: [
    { cluster: 1, node: 1 },
    { cluster: 2, node: 1 },
    { cluster: 2, node: 2 },
  ],
});

export const active = (node: number, incarnation = 1): CommandBody => ({
  type: 'ActivateNode',
  data: { cluster: 2, node, incarnation },
});
export const failed = (node: number, incarnation = 1): CommandBody => ({
  type: 'FailNode',
  data: { cluster: 2, node, incarnation },
});
export const recovered = (node: number, incarnation: number): CommandBody => ({
  type: 'RecoverNode',
  data: { cluster: 2, node, incarnation },
});
export const drain = (node: number): CommandBody => ({
  type: 'DrainNode',
  data: { cluster: 2, node, withinMs: 0, thenRemove: false },
});
export const connect = (end: 'primary' | 'standby'): CommandBody => ({
  type: 'ConnectLinkEnd',
  data: { link: 'VN-1', end },
});

/** The small grid with the link; both ends are active. */
export function resilientGrid(restoreMs?: number): GridState {
  const data = { ...resilient, ...(restoreMs === undefined ? {} : { restoreMs }) };
  return and(givenSmallGrid({ type: 'CreateVirtualLink', data }), active(1), active(2));
}

/** What becomes of `CutOverLink`. */
export function cutoverSpecifications(): Specification[] {
  const grid = resilientGrid();
  return [
    spec('a link whose primary is up stays', grid, CUT_OVER, []),
    spec('one whose primary failed connects its standby', and(grid, failed(1)), CUT_OVER, ['VirtualLinkCutOver']),
    spec('one whose primary drains, too', and(grid, drain(1)), CUT_OVER, ['VirtualLinkCutOver']),
    spec('one of which both ends are down stays', and(grid, failed(1), failed(2)), CUT_OVER, []),
    spec('an operator connects the standby', grid, connect('standby'), ['VirtualLinkCutOver']),
    spec('who is connected already stays so', grid, connect('primary'), []),
    spec('an end that is down is not connected', and(grid, failed(2)), connect('standby'), 'not-allowed'),
    spec('no link, no cutover', givenSmallGrid(), CUT_OVER, 'not-found'),
    spec('nor by hand', givenSmallGrid(), connect('standby'), 'not-found'),
    spec(
      'a link of another kind has no standby',
      givenSmallGrid({ type: 'CreateVirtualLink', data: link() }),
      CUT_OVER,
      'invalid',
    ),
    spec(
      'which nobody connects',
      givenSmallGrid({ type: 'CreateVirtualLink', data: link() }),
      connect('standby'),
      'invalid',
    ),
  ];
}
