import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { FlowgridError } from '../../../domain/base/errors';
import type { UpOptions } from '../../../interface/cli/programs';

type Outputs = Pick<UpOptions, 'report' | 'out' | 'internalOut' | 'internalComments' | 'receipts'>;

/**
 * Refuses files that could not be written, before anything has happened: what a run has to tell must not be lost at its
 * end. Nothing is created here.
 *
 * @throws FlowgridError `usage` that names the option, the file, and what is in the way.
 */
export function checkOutputs({ report, out, internalOut, internalComments, receipts }: Outputs): void {
  if (internalComments && internalOut === undefined) {
    throw new FlowgridError('usage', '--internal-comments: there are no frames to comment on without --internal-out', {
      remedy: 'Add --internal-out FILE.pcapng.',
    });
  }
  const files = { '--report': report, '--out': out, '--internal-out': internalOut, '--receipts': receipts };
  const users = new Map<string, string>();
  for (const [option, file] of Object.entries(files)) {
    if (file === undefined) continue;
    const obstacle = obstacleTo(file) ?? (users.has(file) ? `${users.get(file)} writes there` : undefined);
    users.set(file, option);
    if (obstacle === undefined) continue;
    throw new FlowgridError('usage', `${option} ${file}: cannot be written: ${obstacle}`, {
      remedy: 'Name a file in a folder that exists and that you may write to.',
    });
  }
}

/** Why a file cannot be written; undefined when it can. */
function obstacleTo(file: string): string | undefined {
  const isThere = existsSync(file);
  if (isThere && statSync(file).isDirectory()) return 'it is a folder';
  const folder = dirname(file);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return `there is no folder ${folder}`;
  try {
    accessSync(isThere ? file : folder, constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS' ? 'the file system is read-only' : 'permission denied';
  }
}
