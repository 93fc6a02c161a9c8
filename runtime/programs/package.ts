import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FlowgridError } from '../../domain/base/errors';
import { packageKey } from '../../domain/package/state';
import {
  checkBundle,
  digestOf,
  encodeBundle,
  loadPackage,
  type PackageBundle,
} from '../../dataplane/functions/package-bundle';
import { EXIT, type Io, type PackageOptions } from '../../interface/cli/programs';
import { submit } from './submit';

/** What of a folder belongs to a package. */
const FILES = /\.(js|json)$/;
const MANIFEST = 'package.json';

/**
 * `flowgrid package`: a folder as one bundle, which tells its hash; the same folder gives the same bytes everywhere. It is
 * loaded once, so that what cannot run is not shipped. With `publish` the log gets it.
 *
 * @throws FlowgridError `not-found` when a file cannot be read or loaded, `invalid-grid` for a manifest or an entry that is none.
 */
export async function packageFunction(options: PackageOptions, io: Io): Promise<number> {
  const bundle = readPackage(options.dir);
  checkBundle(bundle);
  loadPackage(bundle);
  const text = encodeBundle(bundle);
  const digest = digestOf(bundle, text);
  if (options.out !== undefined) writeFileSync(options.out, text);
  const key = packageKey(digest);
  if (options.publish) {
    const { dir: _, out: _out, publish: _publish, ...same } = options;
    const command = { type: 'PublishPackage', data: { ...digest, bundle: text } };
    return submit({ ...same, command, what: `package ${key} (${digest.sha256})` }, io);
  }
  if (options.json) io.out(JSON.stringify(digest));
  else io.out(`${key}: ${digest.bytes} bytes, sha256 ${digest.sha256}`);
  return EXIT.ok;
}

function readPackage(dir: string): PackageBundle {
  const manifest = manifestOf(dir);
  const entry = manifest.main.replace(/^\.\//, '');
  const paths = readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => FILES.test(path) && path !== MANIFEST && !path.split('/').includes('node_modules'));
  const files = Object.fromEntries(paths.map((path) => [path, readFileSync(join(dir, path), 'utf8')]));
  return { name: manifest.name, version: manifest.version, entry, files };
}

function manifestOf(dir: string): { readonly name: string; readonly version: string; readonly main: string } {
  const path = join(dir, MANIFEST);
  let manifest: { readonly name?: unknown; readonly version?: unknown; readonly main?: unknown };
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8')) as typeof manifest;
  } catch (cause) {
    throw new FlowgridError('not-found', `${path}: ${(cause as Error).message}`, {
      cause,
      remedy: 'name a folder with a package.json: { "name": …, "version": …, "main": … }',
    });
  }
  const { name, version, main = 'index.js' } = manifest;
  if (typeof name === 'string' && typeof version === 'string' && typeof main === 'string')
    return { name, version, main };
  throw new FlowgridError('invalid-grid', `${path}: "name" or "version" is missing`, {
    remedy: '{ "name": "my-function", "version": "1.0.0", "main": "index.js" }',
  });
}
