import type { CommandOf } from '../message';
import type { PackageDigest } from './state';

/** Makes a version of a function package known, for good: agents fetch it from the log, by its hash. */
export type PublishPackage = CommandOf<'PublishPackage', PackageDigest & { readonly bundle: string }>;
