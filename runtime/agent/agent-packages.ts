import { CHUNK_BYTES, type PlacedLife } from '../../adapters/codec/agent-messages';
import { isFlowgridError } from '../../domain/base/errors';
import { nodeRef, type ClusterId } from '../../domain/base/ids';
import { PACKAGE_BYTES_MAX } from '../../domain/package/decide';
import { packageKey, packageOf, type PackageDigest } from '../../domain/package/state';
import type { FunctionSpec, Topology } from '../../domain/topology/topology';
import { FunctionRegistry } from '../../dataplane/functions/registry';
import { tryFunction } from '../../dataplane/functions/trial';
import type { LeaderLink } from './leader-link';
import type { PackageStore } from './package-store';

/** Told why a node cannot run the function that it is given. */
export type Unfit = (node: string, why: string) => void;

/**
 * Sees to it that nodes begin only with functions that work: a package is fetched from whoever leads, verified against the
 * hash in the log, installed, made with its cluster's configuration and tried on a few frames. What fails is taken away again,
 * the node does not begin, and so never says hello.
 */
export class AgentPackages {
  /** Functions that were tried and do not work, as `hash spec`: they are not tried again by this process. */
  private readonly refused = new Map<string, string>();
  private readonly working = new Set<string>();

  constructor(
    private readonly store: PackageStore | undefined,
    private readonly link: LeaderLink,
    private readonly unfit: Unfit,
  ) {}

  /**
   * Whether the node may begin now.
   *
   * @param newest the newest topology that is installed here: what its nodes are made from
   */
  async isReady(place: PlacedLife, packages: readonly PackageDigest[], newest: Topology | undefined): Promise<boolean> {
    if (place.function === '') return true;
    const spec = JSON.parse(place.function) as FunctionSpec;
    const key = packageOf(spec);
    const published = packages.find((each) => packageKey(each) === key);
    if (published === undefined || this.store === undefined) {
      this.unfit(place.name, published === undefined ? `package ${key} is not published` : 'no place for packages');
      return false;
    }
    // The topology on its way here tells the same in a moment.
    const told = specIn(newest, place.cluster);
    if (told !== undefined && JSON.stringify(told) !== place.function) return false;
    return this.works(place, spec, published, this.store);
  }

  private async works(
    place: PlacedLife,
    spec: FunctionSpec,
    published: PackageDigest,
    store: PackageStore,
  ): Promise<boolean> {
    const trial = `${published.sha256} ${place.function}`;
    const isNew = !store.has(published);
    if (!isNew && this.working.has(trial)) return true;
    let why = this.refused.get(trial);
    if (why === undefined) {
      try {
        if (isNew && !(await this.fetch(published, store))) return false;
        const registry = new FunctionRegistry(undefined, (each) => store.bytes(each));
        registry.know([published]);
        tryFunction(registry, spec, nodeRef(place.cluster, place.node));
        this.working.add(trial);
        return true;
      } catch (error) {
        if (!isFlowgridError(error)) throw error;
        why = error.message;
        if (isNew) store.remove(published);
        this.refused.set(trial, why);
      }
    }
    this.unfit(place.name, why);
    return false;
  }

  /** Fetches and installs; false when nobody answered, and it has to be asked for again. */
  private async fetch(published: PackageDigest, store: PackageStore): Promise<boolean> {
    const { sha256 } = published;
    const chunks: Uint8Array[] = [];
    for (let offset = 0; ;) {
      const answer = await this.link.ask('bundle', { sha256, offset });
      if (answer === undefined || answer.sha256 !== sha256 || answer.offset !== offset) return false;
      const { total, bytes } = answer;
      if (total === 0 || total > PACKAGE_BYTES_MAX || bytes.length === 0 || bytes.length > CHUNK_BYTES) return false;
      chunks.push(bytes);
      offset += bytes.length;
      if (offset < total) continue;
      store.install(published, Buffer.concat(chunks));
      return true;
    }
  }
}

function specIn(topology: Topology | undefined, cluster: ClusterId): FunctionSpec | undefined {
  return topology?.clusters.find(({ id }) => id === cluster)?.function;
}
