import { createHash } from 'node:crypto';
import { createRequire, isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { compileFunction } from 'node:vm';
import { FlowgridError } from '../../domain/base/errors';
import { PACKAGE_BYTES_MAX, PACKAGE_NAME, PACKAGE_VERSION } from '../../domain/package/decide';
import { packageKey, type PackageDigest } from '../../domain/package/state';
import type { FunctionDefinition } from './function';

/** A function package whole: its manifest, and the text of its files by path. */
export interface PackageBundle {
  readonly name: string;
  readonly version: string;
  /** The file that exports `definition`. */
  readonly entry: string;
  readonly files: { readonly [path: string]: string };
}

/** The name under which a package finds the public interface of packet functions. */
const INTERFACE = 'flowgrid';

/** A bundle as text: the same files give the same bytes, whoever packs them. */
export function encodeBundle({ name, version, entry, files }: PackageBundle): string {
  const sorted = Object.fromEntries(
    Object.keys(files)
      .sort()
      .map((path) => [path, files[path]]),
  );
  return `${JSON.stringify({ name, version, entry, files: sorted }, undefined, 1)}\n`;
}

/** What tells a bundle. */
export function digestOf({ name, version }: PackageBundle, text: string): PackageDigest {
  const bytes = Buffer.from(text);
  return { name, version, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

/**
 * A bundle from its bytes, which must be those that were published.
 *
 * @throws FlowgridError `invalid-record` when they are others, `invalid-grid` when they are no bundle.
 */
export function decodeBundle(bytes: Uint8Array, published: PackageDigest): PackageBundle {
  const key = packageKey(published);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== published.sha256) {
    throw new FlowgridError(
      'invalid-record',
      `package ${key}: its bytes have SHA-256 ${sha256}, not ${published.sha256}`,
    );
  }
  const bundle = parse(Buffer.from(bytes).toString());
  if (bundle === undefined || packageKey(bundle) !== key) {
    throw new FlowgridError('invalid-grid', `package ${key}: its bytes are no bundle of it`, {
      remedy: "make it with 'flowgrid package'",
    });
  }
  return bundle;
}

/** What a manifest must say. @throws FlowgridError `invalid-grid` when it does not. */
export function checkBundle(bundle: PackageBundle): void {
  const { name, version, entry, files } = bundle;
  const fail = (what: string): never => {
    throw new FlowgridError('invalid-grid', `package ${packageKey(bundle)}: ${what}`, {
      remedy: 'its package.json holds "name", "version" and "main"',
    });
  };
  if (!PACKAGE_NAME.test(name)) fail('a name has 1–64 small letters, digits and hyphens');
  if (!PACKAGE_VERSION.test(version)) fail('a version is written 1.2.3, or 1.2.3-rc.1');
  if (!Object.hasOwn(files, entry)) fail(`there is no file ${entry}`);
  const { bytes } = digestOf(bundle, encodeBundle(bundle));
  if (bytes > PACKAGE_BYTES_MAX) fail(`it has ${bytes} bytes, of ${PACKAGE_BYTES_MAX} at most`);
}

/**
 * Runs a package's entry and gives what it defines. Its files require each other by relative path, `flowgrid`, and what
 * comes with Node; nothing else is there.
 *
 * @throws FlowgridError `not-found` when it cannot be loaded, `invalid-grid` when it exports no definition.
 */
export function loadPackage(bundle: PackageBundle): FunctionDefinition {
  const key = packageKey(bundle);
  let exported: { readonly definition?: Partial<FunctionDefinition> } | null;
  try {
    exported = new Modules(bundle).load(bundle.entry) as typeof exported;
  } catch (cause) {
    throw new FlowgridError('not-found', `package ${key}: cannot be loaded (${(cause as Error).message})`, { cause });
  }
  const definition = exported?.definition;
  if (typeof definition?.name !== 'string' || typeof definition.create !== 'function') {
    throw new FlowgridError('invalid-grid', `package ${key}: ${bundle.entry} exports no definition`, {
      remedy: 'export const definition: FunctionDefinition = { name, summary, create }',
    });
  }
  return definition as FunctionDefinition;
}

/** The CommonJS modules of one package, each run once. */
class Modules {
  private readonly loaded = new Map<string, { exports: unknown }>();

  constructor(private readonly bundle: PackageBundle) {}

  load(path: string): unknown {
    const present = this.loaded.get(path);
    if (present !== undefined) return present.exports;
    const text = this.bundle.files[path];
    if (text === undefined) throw new Error(`there is no file ${path}`);
    const module = { exports: {} as unknown };
    this.loaded.set(path, module);
    if (path.endsWith('.json')) module.exports = JSON.parse(text);
    else this.run(path, text, module);
    return module.exports;
  }

  private run(path: string, text: string, module: { exports: unknown }): void {
    const filename = `${packageKey(this.bundle)}/${path}`;
    const body = compileFunction(text, ['module', 'exports', 'require'], { filename }) as (
      module: { exports: unknown },
      exports: unknown,
      require: (id: string) => unknown,
    ) => void;
    body(module, module.exports, (id) => this.require(path, id));
  }

  private require(from: string, id: string): unknown {
    if (id === INTERFACE) return builtIn('./index');
    if (isBuiltin(id)) return builtIn(id);
    if (!id.startsWith('.')) throw new Error(`${from} requires ${id}, which is no part of the package`);
    const path = posix.join(posix.dirname(from), id);
    const found = [path, `${path}.js`, `${path}.json`, `${path}/index.js`].find((each) =>
      Object.hasOwn(this.bundle.files, each),
    );
    if (found === undefined) throw new Error(`${from} requires ${id}, which is no part of the package`);
    return this.load(found);
  }
}

const builtIn = createRequire(__filename);

function parse(text: string): PackageBundle | undefined {
  let value: Partial<PackageBundle> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return undefined;
  }
  const { name, version, entry, files } = value ?? {};
  const isWhole = [name, version, entry].every((each) => typeof each === 'string');
  if (!isWhole || typeof files !== 'object' || files === null) return undefined;
  return Object.values(files).every((file) => typeof file === 'string') ? (value as PackageBundle) : undefined;
}
