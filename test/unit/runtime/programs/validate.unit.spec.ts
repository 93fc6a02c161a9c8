import { FlowgridError } from '../../../../domain/base/errors';
import type { Io } from '../../../../interface/cli';
import { validate, type GridFileLoader } from '../../../../runtime/programs/validate';

async function run(json: boolean, load: GridFileLoader) {
  const out: string[] = [];
  const ignored = (): void => undefined;
  const io: Io = {
    out: (line) => out.push(line),
    err: ignored,
    paint: ignored,
    isTerminal: false,
    columns: () => 80,
    interrupted: new AbortController().signal,
  };
  return { code: await validate({ grid: 'g.yaml', json, data: '.flowgrid' }, io, load), out };
}

const broken: GridFileLoader = () => {
  throw new FlowgridError('invalid-grid', 'g.yaml:3:5: no cluster AB\ng.yaml:9:1: two paths named x', {
    remedy: 'mend it',
  });
};

describe('validate', () => {
  it('says that a file is valid, exit 0', async () => {
    expect(await run(false, () => ({}))).toEqual({ code: 0, out: ['g.yaml: valid'] });
    expect(await run(true, () => ({}))).toEqual({ code: 0, out: ['{"grid":"g.yaml","valid":true,"problems":[]}'] });
  });

  it('lists every problem, exit 4', async () => {
    const lines = ['g.yaml:3:5: no cluster AB', 'g.yaml:9:1: two paths named x', 'remedy: mend it'];
    expect(await run(false, broken)).toEqual({ code: 4, out: lines });
    const { code, out } = await run(true, broken);
    expect([code, JSON.parse(out[0]!)]).toEqual([4, { grid: 'g.yaml', valid: false, problems: lines }]);
  });

  it('leaves other errors to the command line', async () => {
    const missing = new FlowgridError('not-found', 'no g.yaml');
    await expect(
      run(false, () => {
        throw missing;
      }),
    ).rejects.toBe(missing);
  });
});
