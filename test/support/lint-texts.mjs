/** Lints texts as if they stood in the project: JSON `[{path, source}]` on stdin, JSON `[[message…]…]` on stdout. */
import { ESLint } from 'eslint';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('../..', import.meta.url).pathname;
const eslint = new ESLint({ cwd: root });
const answers = [];
for (const { path, source } of JSON.parse(readFileSync(0, 'utf8'))) {
  const results = await eslint.lintText(source, { filePath: join(root, path) });
  answers.push(results.flatMap((result) => result.messages.map((message) => message.message)));
}
process.stdout.write(JSON.stringify(answers));
