import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { trailerV1, type Descriptor } from '../../dataplane/descriptor/codec';
import { macText } from '../../dataplane/descriptor/node-table';
import { notRun } from './not-run';

/** The dissector that is shipped. */
export const DISSECTOR = join(__dirname, '../../interface/wireshark/flowgrid.lua');
export const hasTshark = spawnSync('tshark', ['--version']).status === 0;

/** `describe` for a suite that needs tshark; without it `npm test` says that the suite did not run. */
export function withTshark(suite: string): (name: string, body: () => void) => void {
  return hasTshark ? describe : notRun(suite, 'tshark is not installed');
}

const OUTPUT_BYTES_MAX = 1 << 29;

/** What tshark says of a capture, with the dissector loaded. Words of its own, such as Lua errors, fail the call. */
export function tshark(file: string, ...args: readonly string[]): Promise<string> {
  const all = ['-X', `lua_script:${DISSECTOR}`, '-r', file, ...args];
  return new Promise((resolve, reject) => {
    execFile('tshark', all, { encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX }, (error, stdout, stderr) => {
      const words = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Running as user "root"'));
      if (error !== null || words.length > 0) reject(new Error(`tshark ${args.join(' ')}: ${words.join('\n')}`));
      else resolve(stdout);
    });
  });
}

/** One row per frame, one column per field; several values of a field are joined by commas. */
export async function tsharkFields(file: string, fields: readonly string[], ...args: string[]): Promise<string[][]> {
  const text = await tshark(file, ...args, '-T', 'fields', ...fields.flatMap((field) => ['-e', field]));
  return text === ''
    ? []
    : text
        .replace(/\n$/, '')
        .split('\n')
        .map((line) => line.split('\t'));
}

/** The dissector's fields that {@link descriptorRow} gives, in its order. */
export const DESCRIPTOR_FIELDS: readonly string[] = [
  ...['marker', 'checksum', 'checksum.status', 'signature', 'original_dst', 'original_src'],
  ...['start', 'end', 'unicast', 'replica', 'reverse', 'full_route', 'reemitted', 'flood'].map((bit) => `flags.${bit}`),
  ...['flags', 'wire_id', 'flow_type', 'flow_id', 'sequence', 'ingress_time', 'count', 'length'],
  ...['path.cluster', 'path.processed', 'path.node'],
].map((name) => `flowgrid.${name}`);

/** A frame's descriptor as the codec reads it, written as tshark writes {@link DESCRIPTOR_FIELDS}. */
export function descriptorRow(bytes: Uint8Array): string[] {
  const decoded = trailerV1.decode(bytes);
  if (!decoded.ok) throw new Error(`no descriptor: ${decoded.error}`);
  const { descriptor } = decoded;
  return [
    hex(0xf160 + descriptor.version, 4),
    hex(descriptor.checksum, 4),
    '1',
    `0x${descriptor.signature.toString(16).padStart(16, '0')}`,
    macText(descriptor.destination),
    macText(descriptor.source),
    ...Array.from({ length: 8 }, (_, bit) => String((descriptor.flags >>> bit) & 1)),
    hex(descriptor.flags, 2),
    ...numbersOf(descriptor),
    ...pathOf(descriptor),
  ];
}

function numbersOf({ wireId, flowType, flowId, sequence, ingressTime, path }: Descriptor): string[] {
  const numbers = [String(wireId), String(flowType), hex(flowId, 8), String(sequence), String(ingressTime)];
  return [...numbers, String(path.length), String(42 + 2 * path.length)];
}

function pathOf({ path }: Descriptor): string[] {
  return [
    path.map(({ cluster }) => cluster).join(),
    path.map(({ processed }) => (processed ? 1 : 0)).join(),
    path.map(({ node }) => node).join(),
  ];
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}

/** Booleans as tshark 4.0 writes them; later ones write words. */
export function asNumbers(rows: readonly (readonly string[])[]): string[][] {
  return rows.map((row) => row.map((cell) => cell.replace(/\bTrue\b/g, '1').replace(/\bFalse\b/g, '0')));
}
