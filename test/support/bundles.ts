import { digestOf, encodeBundle, type PackageBundle } from '../../dataplane/functions/package-bundle';
import type { PackageDigest } from '../../domain/package/state';

/** A package in one file, and what its text is published as. */
export function bundleOf(
  version: string,
  text: string,
  files: PackageBundle['files'] = {},
): { readonly text: string; readonly digest: PackageDigest } {
  const bundle = { name: 'marker', version, entry: 'index.js', files: { 'index.js': text, ...files } };
  const encoded = encodeBundle(bundle);
  return { text: encoded, digest: digestOf(bundle, encoded) };
}

/** Source of a function that does `body` with every frame (`frame`, `flow`) and passes it on. */
export function functionSource(body: string, create = ''): string {
  return `
    const { FORWARD } = require('flowgrid');
    exports.definition = {
      name: 'marker',
      summary: 'a test',
      create(config) {
        ${create}
        return { stateKind: 'stateless', reads: 'headers', dropReasons: [], process(frame, flow) { ${body}; return FORWARD; } };
      },
    };`;
}
