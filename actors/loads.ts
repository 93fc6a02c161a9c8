import type { ClusterId, Millis } from '../domain/base/ids';
import { loadOver, type ClusterLoad, type LoadSample } from '../domain/autoscale/load';

/** Samples of one cluster that are kept, at most: of a longer window the older ones are thinned out. */
const SAMPLES_MAX = 64;

/**
 * What the world told of clusters' loads: the newest of it, as long as anybody looks back. Volatile, never logged: a new
 * leader begins with nothing, and decides nothing by load before it has seen a whole window.
 */
export class Loads {
  private readonly samples = new Map<ClusterId, LoadSample[]>();

  /** Takes what a cluster's nodes carry at a moment; times never decrease. `windowMs` is how far anybody looks back. */
  tell(cluster: ClusterId, sample: LoadSample, windowMs: Millis): void {
    const { at } = sample;
    const known = this.samples.get(cluster) ?? [];
    // What came too soon after the one before it takes its place, unless it would stand for all.
    const isSoon = known.length > 1 && at - known.at(-2)!.at < windowMs / SAMPLES_MAX;
    const kept = isSoon ? known.slice(0, -1) : known;
    // One that is older than the window stays, so that a whole window can be covered.
    const first = kept.findLastIndex((sample) => sample.at <= at - windowMs);
    this.samples.set(cluster, [...kept.slice(Math.max(0, first)), sample]);
  }

  /** The cluster's load over its newest window; undefined until a whole one was seen. */
  of(cluster: ClusterId, windowMs: Millis): ClusterLoad | undefined {
    const samples = this.samples.get(cluster) ?? [];
    const from = (samples.at(-1)?.at ?? 0) - windowMs;
    const first = samples.findLastIndex(({ at }) => at <= from);
    return first < 0 ? undefined : loadOver(samples.slice(first));
  }

  clear(): void {
    this.samples.clear();
  }
}
