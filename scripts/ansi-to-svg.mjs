/**
 * Draws terminal text (ANSI colours) on stdin as an SVG on stdout: how docs/live-status.svg is made.
 * Only what the live status uses is understood: bold, dim and the basic colours.
 */
import { readFileSync } from 'node:fs';

const colours = { 31: '#e06c75', 32: '#98c379', 33: '#e5c07b', 36: '#56b6c2' };
const cell = { width: 8.4, height: 18 };
const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

/** Splits a line into runs of one style. */
function runs(line) {
  const found = [];
  let style = '';
  let column = 0;
  for (const part of line.split(/(\u001b\[[0-9;]*[A-Za-z])/)) {
    const code = /^\u001b\[([0-9;]*)m$/.exec(part)?.[1];
    if (code !== undefined) {
      if (code === '0' || code === '') style = '';
      else if (code === '1') style += ' font-weight="bold"';
      else if (code === '2') style += ' opacity="0.6"';
      else if (colours[code]) style += ` fill="${colours[code]}"`;
    } else if (part !== '' && !part.startsWith('\u001b')) {
      found.push({ column, style, text: part });
      column += [...part].length;
    }
  }
  return { found, columns: column };
}

const lines = readFileSync(0, 'utf8').replace(/\n+$/, '').split('\n').map(runs);
const width = Math.ceil((Math.max(...lines.map((line) => line.columns)) + 4) * cell.width);
const height = (lines.length + 2) * cell.height;
const body = lines
  .map((line, row) =>
    line.found
      .map(({ column, style, text }) => {
        const x = ((column + 2) * cell.width).toFixed(1);
        const length = ([...text].length * cell.width).toFixed(1);
        return `<text x="${x}" y="${(row + 1.75) * cell.height}" textLength="${length}" xml:space="preserve"${style}>${escape(text)}</text>`;
      })
      .join(''),
  )
  .join('\n');
process.stdout.write(
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">\n` +
    `<rect width="100%" height="100%" rx="8" fill="#1e222a"/>\n` +
    `<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" fill="#d7dae0">\n${body}\n</g>\n</svg>\n`,
);
