import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { FlowgridError } from '../../domain/base/errors';
import { packageKey, type PackageDigest } from '../../domain/package/state';
import { decodeBundle } from '../../dataplane/functions/package-bundle';

/** The function packages that an agent has installed: a file each, named by its hash. */
export class PackageStore {
  /** @param directory made where it is missing */
  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Whether the package is installed, whole. */
  has(published: PackageDigest): boolean {
    try {
      decodeBundle(this.bytes(published), published);
      return true;
    } catch {
      return false;
    }
  }

  /** @throws FlowgridError `not-found` when it is not installed. */
  bytes(published: PackageDigest): Uint8Array {
    return packageBytes(this.directory)(published);
  }

  /**
   * Installs a package: afterwards it is there whole, whatever happens to this process meanwhile.
   *
   * @throws FlowgridError `invalid-record` when the bytes are not those that were published: nothing is installed then.
   */
  install(published: PackageDigest, bytes: Uint8Array): void {
    decodeBundle(bytes, published);
    const unfinished = join(this.directory, `${randomUUID()}.part`);
    const file = openSync(unfinished, 'wx', 0o600);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, join(this.directory, fileOf(published)));
  }

  /** Takes a package away; nothing to do where it is not. */
  remove(published: PackageDigest): void {
    rmSync(join(this.directory, fileOf(published)), { force: true });
  }
}

/** Reads packages that were installed in a directory. */
export function packageBytes(directory: string): (published: PackageDigest) => Uint8Array {
  return (published) => {
    try {
      return readFileSync(join(directory, fileOf(published)));
    } catch (cause) {
      throw new FlowgridError('not-found', `package ${packageKey(published)} is not installed`, { cause });
    }
  };
}

function fileOf({ sha256 }: PackageDigest): string {
  return `${sha256}.json`;
}
