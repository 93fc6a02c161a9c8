import { sealedFrameText, type DescriptorNames } from '../../../dataplane/descriptor/text';
import { trailerV1 } from '../../../dataplane/descriptor/codec';
import { isInside, type CapturedFrame } from '../../../dataplane/probes/captured-frames';
import { microsText } from '../../../interface/cli/text';
import { flowName } from '../../../projections';

/** A captured frame as a line for people. */
export function frameLine(frame: CapturedFrame, point: string, names: DescriptorNames): string {
  const what = isInside(frame) ? sealedFrameText(frame.bytes, names) : outsideText(frame);
  return `${microsText(frame.time)}  ${point}${frame.direction === undefined ? '' : ` ${frame.direction}`}  ${frame.bytes.length} bytes  ${what}`;
}

/** A captured frame as a JSON line. */
export function frameJson(frame: CapturedFrame, point: string, names: DescriptorNames): string {
  const { time, direction, bytes } = frame;
  const decoded = isInside(frame) ? trailerV1.decode(bytes) : undefined;
  const flow =
    decoded?.ok === true && decoded.descriptor.flowType !== 0
      ? { flow: flowName(decoded.descriptor.flowId), sequence: decoded.descriptor.sequence }
      : {};
  const what = isInside(frame) ? sealedFrameText(bytes, names) : outsideText(frame);
  return JSON.stringify({ at: time, point, direction: direction ?? null, bytes: bytes.length, ...flow, what });
}

function outsideText({ to }: CapturedFrame): string {
  return to === 0 ? 'to the outside' : 'from outside';
}
