import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeRef } from '../../../../domain/base/ids';
import type { FunctionSpec } from '../../../../domain/topology/topology';
import { decodeBundle, digestOf, encodeBundle, loadPackage } from '../../../../dataplane/functions/package-bundle';
import { FunctionRegistry } from '../../../../dataplane/functions/registry';
import { tryFunction } from '../../../../dataplane/functions/trial';
import { bundleOf, functionSource } from '../../../support/bundles';
import { packet } from './packets';
import { Rig } from './rig';

const spec = (config: FunctionSpec['config'] = {}): FunctionSpec => ({
  name: 'package',
  config: { package: 'marker@1.0.0', ...config },
});

/** A registry that knows one package. */
function registryOf(text: string, files = {}): FunctionRegistry {
  const bundle = bundleOf('1.0.0', text, files);
  const registry = new FunctionRegistry(undefined, () => Buffer.from(bundle.text));
  registry.know([bundle.digest]);
  return registry;
}

describe('FG-384: a function package', () => {
  it('runs as a node’s function, with the rest of its configuration', () => {
    const registry = registryOf(functionSource('frame.setDscp(dscp)', "const dscp = config.integer('dscp', 0, 63);"));
    const rig = new Rig(spec({ dscp: 46 }), nodeRef(2, 1), 1, registry);
    const { bytes } = rig.run({ bytes: packet({ from: '10.0.0.1', to: '192.0.2.80', port: 80 }) });
    expect(bytes![15]! >>> 2).toBe(46);
    expect(() => registry.create(spec({ dscp: 46, dcsp: 1 }), {} as never)).toThrow(/dcsp/);
  });

  it('is the same bytes whoever packs it', () => {
    const files = { 'b.js': '1', 'a.js': '2' };
    const bundle = { name: 'marker', version: '1.0.0', entry: 'a.js', files };
    const turned = { ...bundle, files: { 'a.js': '2', 'b.js': '1' } };
    expect(encodeBundle(turned)).toBe(encodeBundle(bundle));
    expect(digestOf(turned, encodeBundle(turned))).toEqual(digestOf(bundle, encodeBundle(bundle)));
  });

  it('is refused when its bytes are others than were published, or another package', () => {
    const { text, digest } = bundleOf('1.0.0', functionSource(''));
    const other = Buffer.from(text.replace('a test', 'a tesT'));
    expect(() => decodeBundle(other, digest)).toThrow(/package marker@1.0.0: its bytes have SHA-256/);
    const renamed = { ...digest, version: '1.0.1' };
    expect(() => decodeBundle(Buffer.from(text), renamed)).toThrow(/no bundle of it/);
  });

  it('requires its own files, the public interface and Node, and nothing else', () => {
    const registry = registryOf("module.exports = require('./lib/made');", {
      'lib/made.js': `${functionSource('')} require('node:crypto'); require('./table'); require('../index');`,
      'lib/table.json': '[1]',
    });
    expect(() => tryFunction(registry, spec(), nodeRef(2, 1))).not.toThrow();
    for (const id of ['lmdb', './missing', '../../../package.json', '/etc/passwd']) {
      const curious = registryOf(`require(${JSON.stringify(id)});`);
      expect(() => tryFunction(curious, spec(), nodeRef(2, 1))).toThrow(/is no part of the package/);
    }
  });

  it.each([
    ['cannot be parsed', 'exports.definition = {', /cannot be loaded/],
    ['defines nothing', 'exports.other = 1;', /exports no definition/],
    ['refuses its configuration', functionSource('', "config.integer('dscp', 0, 63);"), /dscp/],
    ['throws on frames', functionSource('throw new Error()'), /threw on 3 of 3 probes/],
    ['throws on some frames', functionSource('if (frame.proto === 6) throw new Error()'), /threw on 1 of 3 probes/],
  ])('is not healthy when it %s', (_, source, why) => {
    expect(() => tryFunction(registryOf(source), spec(), nodeRef(2, 1))).toThrow(why);
  });

  it('that nobody published is not run', () => {
    expect(() => new FunctionRegistry().create(spec(), {} as never)).toThrow(/marker@1.0.0 is not here/);
  });

  it('of the examples works', () => {
    const path = join(__dirname, '../../../../examples/packages/dscp-marker/index.js');
    const bundle = {
      name: 'dscp-marker',
      version: '1.0.0',
      entry: 'i.js',
      files: { 'i.js': readFileSync(path, 'utf8') },
    };
    expect(loadPackage(bundle).name).toBe('dscp-marker');
  });
});
