import type { Seq } from '../base/ids';
import type { FunctionSpec } from '../topology/topology';

/** The name by which a cluster runs a package: `{ name: package, config: { package: NAME@VERSION, … } }`. */
export const PACKAGE_FUNCTION = 'package';

/** What tells a package, and whether bytes are it. */
export interface PackageDigest {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the bundle's UTF-8 bytes, hex. */
  readonly sha256: string;
  /** How many they are. */
  readonly bytes: number;
}

export interface PackageRecord extends PackageDigest {
  /** The commit that holds the bundle. */
  readonly seq: Seq;
}

/** Every package that was published, as `name@version`. */
export interface Packages {
  readonly [key: string]: PackageRecord;
}

/** How a version of a package is named: `name@version`. */
export function packageKey({ name, version }: Pick<PackageDigest, 'name' | 'version'>): string {
  return `${name}@${version}`;
}

/** Whether one function is of a newer version of the same package than the other. */
export function isNewerPackage(one: FunctionSpec, other: FunctionSpec): boolean {
  const [name, version] = (packageOf(one) ?? '').split('@');
  const [otherName, otherVersion] = (packageOf(other) ?? '').split('@');
  if (name !== otherName || version === undefined || otherVersion === undefined) return false;
  const [a, b] = [rankOf(version), rankOf(otherVersion)];
  const at = a.findIndex((part, i) => part !== b[i]);
  return at >= 0 && a[at]! > b[at]!;
}

/** The numbers of a version; what is about to become it comes before it. */
function rankOf(version: string): number[] {
  const [numbers, pre] = version.split(/-(.*)/s);
  return [...numbers!.split('.').map(Number), pre === undefined ? 1 : 0];
}

/** The package that a function is of, as `name@version`; undefined if it is none, empty if it names none. */
export function packageOf({ name, config }: FunctionSpec): string | undefined {
  if (name !== PACKAGE_FUNCTION) return undefined;
  return typeof config.package === 'string' ? config.package : '';
}
