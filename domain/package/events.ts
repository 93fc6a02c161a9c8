import type { EventOf } from '../message';
import type { PackageDigest } from './state';

/** A version of a function package, whole. `bundle` is its text, which no state holds: it is read from the log again. */
export type PackagePublished = EventOf<'PackagePublished', PackageDigest & { readonly bundle: string }>;
