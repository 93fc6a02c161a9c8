import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision, type Rejection } from '../message';
import type { FunctionSpec } from '../topology/topology';
import type { PublishPackage } from './commands';
import type { PackagePublished } from './events';
import { packageKey, packageOf } from './state';

/** Bytes of a bundle at most, so that one message over any bus, and one commit, holds it. */
export const PACKAGE_BYTES_MAX = 512 * 1024;
/** Packages that a grid knows at most. */
const PACKAGES_MAX = 10_000;

/** What a package's name looks like. */
export const PACKAGE_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
/** What its version looks like (semver). */
export const PACKAGE_VERSION = /^\d{1,9}\.\d{1,9}\.\d{1,9}(-[0-9A-Za-z.-]{1,40})?$/;

/** A version is published once: its name stands for the same bytes for ever. */
export function publishPackage(state: GridState, data: PublishPackage['data']): Decision<PackagePublished> {
  const key = packageKey(data);
  const fault = faultOf(data);
  if (state.grid === null) return reject('not-found', 'there is no grid yet');
  if (fault !== undefined) return reject('invalid', `package ${key}: ${fault}`);
  const present = state.packages[key];
  if (present?.sha256 === data.sha256) return NOTHING_TO_DO;
  if (present !== undefined) {
    return reject('exists', `package ${key} was published with other bytes (${present.sha256}): raise its version`);
  }
  if (Object.keys(state.packages).length >= PACKAGES_MAX) {
    return reject('none-free', `the grid knows ${PACKAGES_MAX} packages already`);
  }
  return [{ type: 'PackagePublished', v: 1, data }];
}

/** What is wrong with a function that names a package; undefined if nothing is. */
export function unknownPackage(state: GridState, spec: FunctionSpec): Rejection | undefined {
  const key = packageOf(spec);
  if (key === undefined || Object.hasOwn(state.packages, key)) return undefined;
  if (key === '') return reject('invalid', 'function package: its config names none (package: NAME@VERSION)');
  return reject('not-found', `there is no package ${key}: publish it first`);
}

function faultOf({ name, version, sha256, bytes, bundle }: PublishPackage['data']): string | undefined {
  if (!PACKAGE_NAME.test(name)) return 'a name has 1–64 small letters, digits and hyphens';
  if (!PACKAGE_VERSION.test(version)) return 'a version is written 1.2.3, or 1.2.3-rc.1';
  if (!/^[0-9a-f]{64}$/.test(sha256)) return `${sha256} is no SHA-256`;
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > PACKAGE_BYTES_MAX || bundle.length > bytes) {
    return `a bundle has 1–${PACKAGE_BYTES_MAX} bytes`;
  }
  return undefined;
}
