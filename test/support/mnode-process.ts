import type { MnodeStatus } from '../../runtime/control/mnode-status';
import type { Site } from '../services/site';
import { TellingProcess, type ToldLine } from './telling-process';
import { flowgrid } from './up-process';

/** A line of what an MNODE tells with `--json`. */
export interface Told extends ToldLine {
  readonly role?: 'leading' | 'following';
  readonly epoch?: number;
  readonly seq?: number;
}

/** `flowgrid mnode` as a process of its own. */
export class MnodeProcess extends TellingProcess<Told> {
  constructor(name: string, args: readonly string[], site?: Pick<Site, 'inside'>) {
    super(name, ['mnode', ...args, '--name', name], site);
  }
}

/** What `flowgrid status` tells, by name. */
export async function statuses(...access: readonly string[]): Promise<Map<string, MnodeStatus>> {
  const { stdout } = await flowgrid('status', '--json', ...access);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => JSON.parse(line) as MnodeStatus).map((status) => [status.name, status]));
}
