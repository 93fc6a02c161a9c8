import { setTimeout as delay } from 'node:timers/promises';
import { FlowgridError, isFlowgridError } from '../../../domain/base/errors';
import type { Bus, BusSubscription } from '../../../domain/seams/bus';
import type { ProbeDesk, ProbeRequest } from '../../agent/probe-desk';

/** How long the end of a program waits for collectors to read the rest, and between two looks, milliseconds. */
const END_WITHIN_MS = 3_000;
const PAUSE_MS = 20;

/** First byte of an answer on the bus: what follows is the answer, or what went wrong as JSON. */
export const ANSWER = 0;
export const FAILURE = 1;

/** Answers collectors on a subject of the bus. */
export function serveProbes(desk: ProbeDesk, bus: Bus, subject: string): BusSubscription {
  return bus.subscribe(subject, async (payload) => {
    try {
      const request = JSON.parse(Buffer.from(payload).toString()) as ProbeRequest;
      return Buffer.concat([Uint8Array.of(ANSWER), await desk.answer(request)]);
    } catch (error) {
      // Whoever sends what is no request is none of ours; a fault of the desk's own is told as one.
      const known = isFlowgridError(error) ? error : new FlowgridError('internal', String(error));
      const { code, message, remedy, canRetry } = known;
      return Buffer.concat([Uint8Array.of(FAILURE), Buffer.from(JSON.stringify({ code, message, remedy, canRetry }))]);
    }
  });
}

/** Nothing more will be captured: collectors read what was, and one that does not is not waited for. */
export async function endProbes(desk: ProbeDesk): Promise<void> {
  desk.end();
  for (let waited = 0; desk.hasReaders && waited < END_WITHIN_MS; waited += PAUSE_MS) await delay(PAUSE_MS);
}
