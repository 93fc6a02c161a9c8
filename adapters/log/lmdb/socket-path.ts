import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The writer's socket in its data directory. */
export const WRITER_SOCKET = 'writer.sock';

/** The shortest of the limits on a socket's path (macOS 104 bytes with the final zero, Linux 108). */
const SOCKET_PATH_BYTES_MAX = 103;

/**
 * A path by which the socket in `dir` can be bound or connected to. The system cuts off longer paths silently, so a
 * long one is reached through a short-lived symbolic link to its directory; the socket itself is in `dir` all the same.
 */
export function socketPath(dir: string): { readonly path: string; release(): void } {
  const direct = join(dir, WRITER_SOCKET);
  if (Buffer.byteLength(direct) <= SOCKET_PATH_BYTES_MAX) return { path: direct, release: () => undefined };
  const alias = mkdtempSync(join(tmpdir(), 'fg-'));
  symlinkSync(dir, join(alias, 'd'));
  return { path: join(alias, 'd', WRITER_SOCKET), release: () => rmSync(alias, { recursive: true, force: true }) };
}
