import { parseEndpoint } from '../../domain/base/endpoint';
import { FlowgridError } from '../../domain/base/errors';
import type { FailurePolicy } from '../../domain/topology/topology';
import type { NodeAtFraction, PolicyOverride, ScaleAtFraction } from './programs';

/** Readers of option values: text to a typed value, or a `usage` error that names the text, the form and an example. */

const POLICIES: readonly FailurePolicy[] = ['discard', 'redirect', 'backup'];
const WORKERS_MAX = 64;
const SEED_MAX = 0xffffffff;

/** `NODE@FRACTION`, as `AB-2@0.5`. */
export function parseNodeAtFraction(option: string, text: string): NodeAtFraction {
  const [node, fraction] = splitOnce(text, '@');
  if (node === '' || fraction === undefined) throw usage(option, text, 'NODE@FRACTION', 'AB-2@0.5');
  return { node, fraction: parseFraction(option, fraction, 'AB-2@0.5') };
}

/** `CLUSTER=N@FRACTION`, as `AB=4@0.7`. */
export function parseScale(option: string, text: string): ScaleAtFraction {
  const match = /^([^=]+)=(\d+)@(.+)$/.exec(text);
  const nodes = Number(match?.[2]);
  if (match === null || nodes < 1 || nodes > 127) {
    throw usage(option, text, 'CLUSTER=N@FRACTION with N from 1 to 127', 'AB=4@0.7');
  }
  return { cluster: match[1]!, nodes, fraction: parseFraction(option, match[3]!, 'AB=4@0.7') };
}

/** `CLUSTER=discard|redirect|backup`. */
export function parsePolicy(option: string, text: string): PolicyOverride {
  const [cluster, word] = splitOnce(text, '=');
  const policy = POLICIES.find((candidate) => candidate === word);
  if (cluster === '' || policy === undefined) throw usage(option, text, 'CLUSTER=discard|redirect|backup', 'AB=backup');
  return { cluster, policy };
}

/** A number greater than 0, or `max`. */
export function parseSpeed(option: string, text: string): number | 'max' {
  if (text === 'max') return 'max';
  return positive(option, text, '1, 10 or max', 'max');
}

/** Seconds greater than 0, or `none`. */
export function parseIdle(option: string, text: string): number | 'none' {
  if (text === 'none') return 'none';
  return positive(option, text, 'SECONDS or none', '60');
}

/** A number greater than 0. */
export function parsePositive(option: string, text: string): number {
  return positive(option, text, 'a number above 0', '10');
}

export function parseSeed(option: string, text: string): number {
  return parseInteger(option, text, 0, SEED_MAX);
}

export function parseWorkers(option: string, text: string): number {
  return parseInteger(option, text, 1, WORKERS_MAX);
}

/** An integer in decimal within bounds, inclusive. */
export function parseInteger(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw usage(option, text, `an integer from ${least} to ${most}`, String(Math.max(1, least)));
  }
  return value;
}

/** A flow ID as reports and logs print it (`0x01abcdef`), or in decimal. */
export function parseFlowId(text: string): number {
  const value = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 0xffffffff) return value;
  throw new FlowgridError('usage', `'${text}' is no flow ID`, {
    remedy: "give the ID as 'audit flow' and reports print it, for example 0x01abcdef",
  });
}

/** `HOST:PORT`, or several with commas between them. */
export function parseServers(option: string, text: string): string {
  const isServer = (server: string): boolean => (parseEndpoint(server)?.port ?? 0) > 0;
  if (text.split(',').every(isServer)) return text;
  throw usage(option, text, 'HOST:PORT or several with commas', '127.0.0.1:4222');
}

function positive(option: string, text: string, form: string, example: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) throw usage(option, text, form, example);
  return value;
}

function parseFraction(option: string, text: string, example: string): number {
  const fraction = Number(text);
  if (text.trim() === '' || !(fraction >= 0 && fraction <= 1)) {
    throw usage(option, text, "a fraction of the capture's frames from 0 to 1", example);
  }
  return fraction;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** What is said of a value of the wrong form. */
export function usage(option: string, text: string, form: string, example: string): FlowgridError {
  return new FlowgridError('usage', `${option}: '${text}' is not ${form}`, {
    remedy: `for example ${option} ${example}`,
  });
}
