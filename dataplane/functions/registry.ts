import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { FlowgridError } from '../../domain/base/errors';
import { PACKAGE_FUNCTION, packageKey, packageOf, type PackageDigest } from '../../domain/package/state';
import type { FunctionSpec } from '../../domain/topology/topology';
import { readConfig } from './config';
import { FrameEmitter } from './emitter';
import type { FunctionDefinition } from './function';
import { FunctionHost, type FunctionServices } from './host';
import { hostFilter } from './host-filter';
import { ids } from './ids';
import { nat } from './nat';
import { packetFilter } from './packet-filter';
import { decodeBundle, loadPackage } from './package-bundle';
import { pass } from './pass';
import { rateLimiter } from './rate-limiter';
import { recorder } from './recorder';

/** The name by which a grid file attaches a function of the user's own: `{ name: module, config: { path, … } }`. */
export const MODULE_FUNCTION = 'module';

/** Names that stand for functions of a user's own. */
const RESERVED: readonly string[] = [MODULE_FUNCTION, PACKAGE_FUNCTION];

/** Finds the bytes of a package that was published. @throws FlowgridError `not-found` where they are not here. */
export type PackageBytes = (published: PackageDigest) => Uint8Array;

const builtIn: readonly FunctionDefinition[] = [pass, packetFilter, nat, rateLimiter, hostFilter, ids, recorder];

/** Functions by name: the built-in ones and those that {@link FunctionRegistry.register} adds. */
export class FunctionRegistry {
  private readonly byName = new Map<string, FunctionDefinition>(builtIn.map((each) => [each.name, each]));
  /** By `name@version`, which never stands for anything else. */
  private readonly packages = new Map<string, PackageDigest>();

  /**
   * @param baseDirectory what relative module paths start from: the folder of the grid file.
   * @param packages where the bundles of function packages are; absent: none can be run.
   */
  constructor(
    private readonly baseDirectory: string = process.cwd(),
    private readonly packageBytes?: PackageBytes,
  ) {}

  /** Learns what packages are published, so that nodes may run them. */
  know(packages: readonly PackageDigest[]): void {
    for (const each of packages) this.packages.set(packageKey(each), each);
  }

  /** Adds a definition. @throws FlowgridError `usage` when the name is taken. */
  register(definition: FunctionDefinition): void {
    if (this.byName.has(definition.name) || RESERVED.includes(definition.name)) {
      throw new FlowgridError('usage', `function ${definition.name}: the name is taken`, {
        remedy: 'choose another name',
      });
    }
    this.byName.set(definition.name, definition);
  }

  /** Every definition, by name, for listings. */
  list(): readonly FunctionDefinition[] {
    return [...this.byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Makes a node's function from the grid file's words.
   *
   * @throws FlowgridError `not-found` for an unknown name or module, `invalid-grid` for a wrong configuration.
   */
  create(spec: FunctionSpec, services: FunctionServices): FunctionHost {
    const { definition, config } = this.resolve(spec);
    const emitter = new FrameEmitter(services);
    const reader = readConfig(config, `function ${definition.name}`);
    const fn = definition.create(reader, {
      node: services.node,
      seed: services.seed,
      incarnation: services.incarnation ?? 1,
      emitter,
      report: (kind, text) => services.report?.(kind, text),
      compared: (finding) => services.compared?.(finding),
    });
    reader.end();
    return new FunctionHost(fn, services, emitter);
  }

  private resolve(spec: FunctionSpec): { definition: FunctionDefinition; config: FunctionSpec['config'] } {
    if (spec.name === MODULE_FUNCTION) {
      const { path, ...config } = spec.config;
      if (typeof path !== 'string') {
        throw new FlowgridError('invalid-grid', 'function module: path is missing', {
          remedy: 'write `config: { path: ./my-function.js }`; other members are the function’s own',
        });
      }
      return { definition: loadFunctionModule(resolve(this.baseDirectory, path)), config };
    }
    const key = packageOf(spec);
    if (key !== undefined) {
      const { package: _, ...config } = spec.config;
      return { definition: this.packaged(key), config };
    }
    const definition = this.byName.get(spec.name);
    if (definition === undefined) {
      throw new FlowgridError('not-found', `function ${spec.name}: there is none of that name`, {
        remedy: `known are: ${this.list()
          .map((each) => each.name)
          .join(', ')}, ${RESERVED.join(', ')}`,
      });
    }
    return { definition, config: spec.config };
  }

  private packaged(key: string): FunctionDefinition {
    const published = this.packages.get(key);
    if (published === undefined || this.packageBytes === undefined) {
      throw new FlowgridError('not-found', `function package: ${key === '' ? 'none is named' : `${key} is not here`}`, {
        remedy: "publish it with 'flowgrid package', and start agents with --packages",
      });
    }
    return loadPackage(decodeBundle(this.packageBytes(published), published));
  }
}

/**
 * Loads a user's function: a CommonJS module that exports `definition`.
 *
 * @param path absolute path of the module
 * @throws FlowgridError `not-found` when it cannot be loaded, `invalid-grid` when it exports no definition.
 */
export function loadFunctionModule(path: string): FunctionDefinition {
  let loaded: { definition?: Partial<FunctionDefinition> };
  try {
    loaded = createRequire(__filename)(path) as typeof loaded;
  } catch (cause) {
    throw new FlowgridError('not-found', `function module ${path}: cannot be loaded (${(cause as Error).message})`, {
      cause,
      remedy: 'give the path of a compiled CommonJS module, relative to the grid file',
    });
  }
  const { definition } = loaded;
  if (typeof definition?.name !== 'string' || typeof definition.create !== 'function') {
    throw new FlowgridError('invalid-grid', `function module ${path}: exports no definition`, {
      remedy: 'export const definition: FunctionDefinition = { name, summary, create }',
    });
  }
  return definition as FunctionDefinition;
}

/** {@link FunctionRegistry.create} on the built-in functions and modules relative to the working directory. */
export function createFunction(spec: FunctionSpec, services: FunctionServices): FunctionHost {
  return new FunctionRegistry().create(spec, services);
}
