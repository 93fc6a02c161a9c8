import { statSync } from 'node:fs';
import { CaptureClassifier } from '../../dataplane/classify/capture-classifier';
import { type CaptureReader, openCapture } from '../../dataplane/packet-ports/capture/reader';
import { FlowgridError } from '../../domain/base/errors';
import {
  type CutCapture,
  connectionJson,
  connectionText,
  summaryJson,
  summaryText,
} from '../../interface/cli/classify';

export interface ClassifyProgramOptions {
  /** Capture files, read one after the other as one capture. */
  readonly captures: readonly string[];
  /** JSON lines instead of text. */
  readonly json: boolean;
  /** Seconds of silence that end a connection of any protocol, or `none`; absent: each protocol's own. */
  readonly idle?: number | 'none';
}

/** Records between two looks at whether to stop. */
const RECORDS_PER_TURN = 65_536;
/** Exit code after Ctrl-C. */
const INTERRUPTED = 130;

/**
 * `flowgrid classify`: a line per connection in order of first packets, then the summary. A capture that can be read only
 * in part counts up to there, and the summary says where it stops. Returns the exit code: 0, or 130 when `interrupted`.
 * @throws FlowgridError `not-found` or `usage` for a file that is no readable capture, before any output; `unsupported`
 * when more connections live at once than a table takes.
 */
export async function classify(
  options: ClassifyProgramOptions,
  out: (line: string) => void,
  interrupted?: AbortSignal,
): Promise<number> {
  if (options.captures.length === 0) {
    throw new FlowgridError('usage', 'no capture given', { remedy: 'Name a capture file.' });
  }
  checkIdle(options.idle);
  const readers = openAll(options.captures);
  try {
    const classifier = new CaptureClassifier({
      captureBytes: totalBytes(options.captures),
      ...(options.idle === undefined ? {} : { idle: options.idle }),
    });
    const cut: CutCapture[] = [];
    for (const reader of readers) {
      await readInto(classifier, reader, cut, interrupted);
      if (interrupted?.aborted === true) return INTERRUPTED;
    }
    classifier.finish();
    print(classifier, cut, options.json, out);
    return 0;
  } finally {
    for (const reader of readers) reader.close();
  }
}

function checkIdle(idle: number | 'none' | undefined): void {
  if (idle === undefined || idle === 'none' || (Number.isFinite(idle) && idle > 0)) return;
  throw new FlowgridError('usage', `idle time ${idle}`, { remedy: "Give seconds above 0, or 'none'." });
}

/** Opens every capture first, so that a wrong name is reported before hours of reading. */
function openAll(paths: readonly string[]): CaptureReader[] {
  const readers: CaptureReader[] = [];
  try {
    for (const path of paths) readers.push(openCapture(path));
    return readers;
  } catch (error) {
    for (const reader of readers) reader.close();
    throw error;
  }
}

/** Bytes to come; 0 = not known, as one of them is a pipe. */
function totalBytes(paths: readonly string[]): number {
  const sizes = paths.map((path) => statSync(path)).map((file) => (file.isFile() ? file.size : 0));
  return sizes.includes(0) ? 0 : sizes.reduce((sum, size) => sum + size, 0);
}

async function readInto(
  classifier: CaptureClassifier,
  reader: CaptureReader,
  cut: CutCapture[],
  interrupted: AbortSignal | undefined,
): Promise<void> {
  for (let count = 1; reader.next(); count++) {
    classifier.add(reader.record);
    if (count % RECORDS_PER_TURN !== 0) continue;
    // A turn of the event loop lets an interrupt in.
    await new Promise(setImmediate);
    if (interrupted?.aborted === true) return;
  }
  if (reader.readError !== null) cut.push({ capture: reader.path, ...reader.readError });
}

function print(
  classifier: CaptureClassifier,
  cut: readonly CutCapture[],
  json: boolean,
  out: (line: string) => void,
): void {
  for (const row of classifier.rows) out(json ? connectionJson(row) : connectionText(row));
  if (json) out(summaryJson(classifier.summary, cut));
  else for (const line of summaryText(classifier.summary, cut)) out(line);
}
