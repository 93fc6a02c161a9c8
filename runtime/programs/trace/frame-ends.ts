import { statSync } from 'node:fs';
import { CaptureClassifier } from '../../../dataplane/classify/capture-classifier';
import { flowKeyText } from '../../../dataplane/node/flow-key-text';
import { openCapture } from '../../../dataplane/packet-ports/capture/reader';
import { FlowgridError } from '../../../domain/base/errors';
import type { FiveTuple } from '../../../interface/cli/programs';

/**
 * The connections that a frame of a capture may be known by: its own, then those of the application flow that it
 * belongs to (an FTP data connection is found under its control connection). The production classifier decides.
 *
 * @throws FlowgridError `not-found` when the capture has no such frame, and as `openCapture` does.
 */
export function endsOfFrame(path: string, frame: number): FiveTuple[] {
  const reader = openCapture(path);
  try {
    const classifier = new CaptureClassifier({ captureBytes: statSync(path).size });
    for (let n = 0; n <= frame; n++) {
      if (!reader.next()) {
        throw new FlowgridError('not-found', `${path} has ${n} frames and no frame ${frame}`, {
          remedy: 'frames are counted from 0',
        });
      }
      classifier.add(reader.record);
    }
    const own = classifier.lastRow;
    if (own === undefined) return [flowKeyText(classifier.arena, classifier.slot)];
    return [own, ...classifier.rows.filter((row) => row.group === own.group && row !== own)];
  } finally {
    reader.close();
  }
}
