import type { Seq } from '../base/ids';
import type { PackagePublished } from './events';
import { packageKey, type Packages } from './state';

export function evolvePackages(packages: Packages, { data }: PackagePublished, seq: Seq): Packages {
  const { name, version, sha256, bytes } = data;
  return { ...packages, [packageKey(data)]: { name, version, sha256, bytes, seq } };
}
