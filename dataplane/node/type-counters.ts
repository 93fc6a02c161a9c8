import type { TypeTraffic } from '../../domain/node/statistics';
import type { Arena } from '../frames/arena';
import { F_BYTES_FWD, F_BYTES_REV, F_PACKETS_FWD, F_PACKETS_REV, F_TYPE } from '../frames/layout';

type Counted = { -readonly [Name in Exclude<keyof TypeTraffic, 'flowType'>]: TypeTraffic[Name] };

/** What a node counted of the flows that it allocated, by flow type: touched when flows begin and end, never by a frame. */
export class TypeCounters {
  private readonly types = new Map<number, Counted>();

  /** @param flow address of the flow's entry, as everywhere here */
  started(arena: Arena, flow: number): void {
    placeOf(this.types, typeOf(arena, flow)).started++;
  }

  ended(arena: Arena, flow: number): void {
    const counted = placeOf(this.types, typeOf(arena, flow));
    counted.ended++;
    addTraffic(counted, arena, flow);
  }

  /** As plain data, in order of flow type; `live` are the flows that have not ended. */
  traffic(arena: Arena, live: readonly number[]): TypeTraffic[] {
    const all = new Map(Array.from(this.types, ([flowType, counted]) => [flowType, { ...counted }]));
    for (const flow of live) {
      const counted = placeOf(all, typeOf(arena, flow));
      counted.live++;
      addTraffic(counted, arena, flow);
    }
    return Array.from(all, ([flowType, counted]) => ({ flowType, ...counted })).sort((a, b) => a.flowType - b.flowType);
  }
}

function placeOf(types: Map<number, Counted>, flowType: number): Counted {
  let counted = types.get(flowType);
  if (counted === undefined) types.set(flowType, (counted = { live: 0, started: 0, ended: 0, packets: 0, bytes: 0 }));
  return counted;
}

function typeOf({ u16 }: Arena, flow: number): number {
  return u16[(flow + F_TYPE) >>> 1];
}

function addTraffic(counted: Counted, { u32, f64 }: Arena, flow: number): void {
  counted.packets += u32[(flow + F_PACKETS_FWD) >>> 2] + u32[(flow + F_PACKETS_REV) >>> 2];
  counted.bytes += f64[(flow + F_BYTES_FWD) >>> 3] + f64[(flow + F_BYTES_REV) >>> 3];
}
