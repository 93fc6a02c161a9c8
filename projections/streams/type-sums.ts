import type { TypeTraffic } from '../../domain/node/statistics';
import type { FlowPolicy } from '../../domain/topology/topology';
import type { StreamHead, TypeStream } from './messages';
import { rounded, type Contribution } from './summary';

type Sum = { -readonly [Name in keyof TypeTraffic]: TypeTraffic[Name] };

/** One message for each flow type that a policy gives or a flow has, in order of flow type. */
export function typeStreams(
  head: StreamHead,
  policies: readonly FlowPolicy[],
  nodes: readonly Contribution[],
): TypeStream[] {
  const names = new Map(policies.map(({ flowType, typeName }) => [flowType, typeName]));
  const present = nodes.flatMap((node) => node.present ?? []);
  const growing = nodes.flatMap((node) => (node.present === undefined ? [] : (node.growth ?? [])));
  const totals = sums(nodes.flatMap(({ totals }) => totals?.types ?? []));
  const states = sums(present.flatMap(({ types }) => types));
  const rates = sums(growing.flatMap(({ perSecond }) => perSecond.types));
  return [...new Set([...names.keys(), ...totals.keys()])]
    .sort((a, b) => a - b)
    .map((flowType) => {
      const { started, ended, packets, bytes } = totals.get(flowType) ?? nothing(flowType);
      const rate = rates.get(flowType) ?? nothing(flowType);
      return {
        ...head,
        flowType,
        name: names.get(flowType) ?? `type ${flowType}`,
        flows: states.get(flowType)?.live ?? 0,
        started,
        ended,
        packets,
        bytes,
        perSecond: {
          newFlows: rounded(rate.started),
          packets: rounded(rate.packets),
          bits: rounded(8 * rate.bytes),
        },
      };
    });
}

function sums(traffic: readonly TypeTraffic[]): Map<number, Sum> {
  const byType = new Map<number, Sum>();
  for (const { flowType, live, started, ended, packets, bytes } of traffic) {
    const sum = byType.get(flowType) ?? nothing(flowType);
    sum.live += live;
    sum.started += started;
    sum.ended += ended;
    sum.packets += packets;
    sum.bytes += bytes;
    byType.set(flowType, sum);
  }
  return byType;
}

function nothing(flowType: number): Sum {
  return { flowType, live: 0, started: 0, ended: 0, packets: 0, bytes: 0 };
}
