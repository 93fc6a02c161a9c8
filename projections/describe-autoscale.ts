import type { Reason } from '../domain/autoscale/events';
import type { AutoscaleSettings, Metric } from '../domain/autoscale/settings';
import type { AutoscaleEvent } from '../domain/events';
import type { Names } from './names';

const METRIC_NAMES: { readonly [Name in Metric]: string } = {
  utilisation: 'utilisation',
  activeFlows: 'active flows',
  newFlowsPerSecond: 'new flows a second',
  latencyUs: 'latency',
  throughputBps: 'throughput',
  framesPerSecond: 'frames a second',
};

const REASONS: { readonly [Why in Exclude<Reason, 'load'>]: string } = {
  schedule: 'by the schedule',
  minimum: 'it has too few',
  maximum: 'it has too many',
  'in-band': 'the load is in its band',
  'at-maximum': 'it has as many as it may have',
  'at-minimum': 'it has as few as it may have',
  'no-spare': 'no spare is left',
  enough: 'fewer would carry too much',
  steady: 'the load is about what it was when it changed',
  'too-few-before': 'fewer were too slow at this load',
  'cooling-down': 'it changed a short while ago',
  'under-way': 'a change is under way',
  'no-loads': 'its load is not known',
};

/** A decision about a cluster's size, with the numbers that it was made on, as one phrase. */
export function describeAutoscale({ data }: AutoscaleEvent, names: Names): string {
  const { cluster, verdict, why, from, to, nodes, metric, load, expected } = data;
  const named = nodes.map((node) => names.address({ cluster, node })).join(', ');
  const reason = why === 'load' ? '' : `, ${REASONS[why]}`;
  const size =
    verdict === 'stay'
      ? `stays at ${from} nodes`
      : `${verdict === 'out' ? 'grows' : 'shrinks'} from ${from} to ${to} nodes (${named})`;
  const numbers =
    metric === ''
      ? ''
      : `: ${METRIC_NAMES[metric]} at ${percent(load)} of its target over ${seconds(data.windowMs)}` +
        `, band ${percent(data.below)} to ${percent(data.above)}` +
        (verdict === 'stay' ? '' : `, ${percent(expected)} expected`);
  return `cluster ${names.cluster(cluster)} ${size}${reason}${numbers}`;
}

/** Settings of a cluster that is autoscaled, as one phrase. */
export function autoscaleText(settings: AutoscaleSettings): string {
  const { min, max, target, below, above, schedule, cooldown, windowMs } = settings;
  const targets = Object.entries(target).map(([name, value]) => `${METRIC_NAMES[name as Metric]} ${value}`);
  const wanted = schedule.map(({ from, until, nodes }) => `, from ${clock(from)} to ${clock(until)} at least ${nodes}`);
  return (
    `${min} to ${max} nodes, at ${below} to ${above} % of ${targets.join(', ')} a node over ${seconds(windowMs)}` +
    `, resting ${seconds(cooldown.outMs)} to grow and ${seconds(cooldown.inMs)} to shrink${wanted.join('')}`
  );
}

function percent(perMille: number): string {
  return `${Math.round(perMille / 10)} %`;
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

function clock(minutes: number): string {
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}
