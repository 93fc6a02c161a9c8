import type { Micros } from '../../../domain/base/ids';
import type { TracedStop } from '../../../interface/cli/text';
import { routeStory, type AuditTrail, type FlowRecord, type RouteStory } from '../../../projections';
import type { Recomputation } from './recompute';

/** A route as the log tells it, each stop with what production selection says of it. */
export interface TracedRoute extends RouteStory {
  readonly route: readonly TracedStop[];
  readonly computed: readonly {
    readonly cluster: string;
    readonly node: string;
    readonly backup: string | null;
    readonly agrees: boolean;
  }[];
}

/**
 * What the log and production selection say of a flow's route at a time. A clone is of its `original`'s connection, which
 * is not told of it again.
 */
export function traceRecord(
  record: FlowRecord,
  at: Micros,
  trail: AuditTrail,
  selection: Recomputation,
  original?: FlowRecord,
): TracedRoute {
  const { names } = trail;
  const ends = original === undefined ? undefined : routeStory(original, at, trail);
  const story = { ...routeStory(record, at, trail), ...(ends && { key: ends.key, network: ends.network }) };
  const nameOf = (ref: number): string | null => (ref === 0 ? null : names.node(ref));
  const computed = selection.of(record, at) ?? [];
  const route = story.route.map((stop, i): TracedStop => {
    const { shadow, isVisited = false } = computed[i] ?? {};
    // Without a backup from its beginning or its last move on, the flow is not protected there, whoever is alive.
    if (shadow === undefined || (stop.backup === null && !isVisited)) return { ...stop, backupBecause: [] };
    const backup = nameOf(shadow);
    const backupBecause =
      stop.backup === null || backup === stop.backup ? [] : trail.failureOf(stop.backup, at).slice(0, 1);
    return { ...stop, backup, backupBecause };
  });
  return {
    ...story,
    route,
    computed: computed.map(({ cluster, emitter, shadow }, i) => ({
      cluster: names.cluster(cluster),
      node: names.node(emitter),
      backup: nameOf(shadow),
      agrees: story.route[i]?.node === names.node(emitter),
    })),
  };
}
