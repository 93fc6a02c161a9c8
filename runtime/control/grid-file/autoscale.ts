import {
  AUTOSCALE_LIMITS,
  DEFAULT_AUTOSCALE,
  METRICS,
  type AutoscaleSettings,
  type ScheduledCount,
} from '../../../domain/autoscale/settings';
import { NODE_ID_MAX } from '../../../domain/base/ids';
import type { ClusterRole } from '../../../domain/topology/topology';
import type { Reader, Value } from './reader';

const MEMBERS = ['min', 'max', 'target', 'above', 'below', 'windowMs', 'cooldown', 'schedule'] as const;
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const EVERY_DAY = [0, 1, 2, 3, 4, 5, 6];

/** A cluster as far as it is known when its autoscaling is read. */
export interface AutoscaledCluster {
  readonly name: string;
  readonly role: ClusterRole;
  /** Members and spares that the file lists. */
  readonly members: number;
  readonly spares: number;
  /** Whether its nodes judge their utilisation. */
  readonly judgesUtilisation: boolean;
}

/** `autoscale: { min: 2, max: 6, target: { activeFlows: 1000 }, above: 80, below: 50 }`; without it a cluster keeps its size. */
export function readAutoscale(
  reader: Reader,
  value: Value,
  cluster: AutoscaledCluster,
): { readonly autoscale?: AutoscaleSettings } {
  if (reader.isAbsent(value)) return {};
  const what = `cluster ${cluster.name}: autoscale`;
  const members = reader.members(value, what, MEMBERS);
  if (cluster.role !== 'anode') {
    reader.problem(value, `${what}: only clusters of role anode are autoscaled`, 'leave it out');
  }
  const most = cluster.members + cluster.spares;
  const min = reader.integer(members.min, `${what}: min`, [1, NODE_ID_MAX], 1);
  const max = reader.integer(members.max, `${what}: max`, [1, NODE_ID_MAX], Math.max(1, most));
  if (max < min) reader.problem(members.max ?? members.min, `${what}: max is less than min`, 'raise it');
  if (max > most) {
    const remedy = `list ${max - most} more under spares, or lower it`;
    reader.problem(members.max, `${what}: max is ${max}, and the file lists ${most} nodes and spares`, remedy);
  }
  const above = reader.integer(
    members.above,
    `${what}: above`,
    [1, AUTOSCALE_LIMITS.aboveMax],
    DEFAULT_AUTOSCALE.above,
  );
  const below = reader.integer(members.below, `${what}: below`, [0, 99], Math.min(DEFAULT_AUTOSCALE.below, above - 1));
  if (below >= above) reader.problem(members.below, `${what}: below must be less than above`, 'lower it');
  const window = [1, AUTOSCALE_LIMITS.timeMaxMs] as const;
  return {
    autoscale: {
      min,
      max,
      target: readTarget(reader, members.target, members.at, what, cluster),
      above,
      below,
      windowMs: reader.integer(members.windowMs, `${what}: windowMs`, window, DEFAULT_AUTOSCALE.windowMs),
      cooldown: readCooldown(reader, members.cooldown, what),
      schedule: reader.items(members.schedule).map((item) => readScheduled(reader, item, `${what}: schedule`, max)),
    },
  };
}

function readTarget(
  reader: Reader,
  value: Value,
  at: Value,
  what: string,
  { judgesUtilisation }: AutoscaledCluster,
): AutoscaleSettings['target'] {
  const members = reader.members(value, `${what}: target`, METRICS);
  const named = METRICS.filter((name) => !reader.isAbsent(members[name]));
  if (named.length === 0) {
    reader.problem(value ?? at, `${what} needs a target`, `name one of ${METRICS.join(', ')}`);
  }
  if (named.includes('utilisation') && !judgesUtilisation) {
    const problem = `${what}: target utilisation: the cluster's nodes do not judge theirs`;
    reader.problem(members.utilisation, problem, 'add "congestion" to the cluster');
  }
  const range = (name: string): readonly [number, number] => [
    1,
    name === 'utilisation' ? 100 : AUTOSCALE_LIMITS.targetMax,
  ];
  return Object.fromEntries(
    named.map((name) => [name, reader.integer(members[name], `${what}: target ${name}`, range(name))]),
  );
}

function readCooldown(reader: Reader, value: Value, what: string): AutoscaleSettings['cooldown'] {
  const members = reader.members(value, `${what}: cooldown`, ['outMs', 'inMs']);
  const { outMs, inMs } = DEFAULT_AUTOSCALE.cooldown;
  const range = [0, AUTOSCALE_LIMITS.timeMaxMs] as const;
  return {
    outMs: reader.integer(members.outMs, `${what}: cooldown: outMs`, range, outMs),
    inMs: reader.integer(members.inMs, `${what}: cooldown: inMs`, range, inMs),
  };
}

/** `{ from: "07:45", until: "18:15", days: [mon, tue], nodes: 4, aheadMinutes: 10 }`, UTC. */
function readScheduled(reader: Reader, item: Value, what: string, max: number): ScheduledCount {
  const members = reader.members(item, what, ['from', 'until', 'days', 'nodes', 'aheadMinutes']);
  const days = reader
    .items(members.days)
    .map((day): number => DAYS.indexOf(reader.choice(day, `${what}: a day`, DAYS, 'mon')));
  const ahead = [0, AUTOSCALE_LIMITS.minutesMax] as const;
  return {
    from: readTime(reader, members.from, members.at, `${what}: from`),
    until: readTime(reader, members.until, members.at, `${what}: until`),
    days: days.length === 0 ? EVERY_DAY : [...new Set(days)].sort(),
    nodes: reader.integer(members.nodes ?? members.at, `${what}: nodes`, [1, max]),
    aheadMinutes: reader.integer(members.aheadMinutes, `${what}: aheadMinutes`, ahead, DEFAULT_AUTOSCALE.aheadMinutes),
  };
}

/** Minutes of the day. YAML 1.2 takes 07:45 for a text. */
function readTime(reader: Reader, value: Value, at: Value, what: string): number {
  const text = String(reader.plain(value) ?? '');
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (hours !== undefined) return 60 * Number(hours) + Number(minutes);
  reader.problem(value ?? at, `${what} must be a time of the day`, 'write it as "07:45", in UTC');
  return 0;
}
