/**
 * The import table as a lint rule: a file belongs to the longest room name that prefixes its path; it may import its
 * own room, the rooms its row names, Node builtins if the row allows them, and the packages its row names.
 */
import { dirname, isAbsolute, relative, resolve } from 'node:path';

const root = resolve(new URL('..', import.meta.url).pathname);

function roomOf(rooms, path) {
  return Object.keys(rooms)
    .filter((room) => path === room || path.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];
}

function packageOf(specifier) {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
}

/** @returns why `specifier` may not be imported from `path` (both relative to the root), or undefined when it may. */
export function violation(table, builtins, path, specifier) {
  const room = roomOf(table.rooms, path);
  if (room === undefined) return undefined;
  const row = table.rooms[room];
  const allows = (list, name) =>
    list.includes('*') || list.some((entry) => name === entry || name.startsWith(`${entry}/`));
  if (specifier.startsWith('.')) {
    const target = relative(root, resolve(root, dirname(path), specifier));
    const targetRoom = roomOf(table.rooms, target);
    if (targetRoom === undefined || targetRoom === room || allows(row.imports, targetRoom)) return undefined;
    return `${room} may not import ${targetRoom} (imports.table.json)`;
  }
  const name = packageOf(specifier);
  if (specifier.startsWith('node:') || builtins.includes(name)) {
    return row.builtins ? undefined : `${room} may not import the Node builtin ${specifier} (imports.table.json)`;
  }
  return allows(row.packages, name) ? undefined : `${room} may not import the package ${name} (imports.table.json)`;
}

export function roomImports(table, builtins) {
  return {
    meta: { type: 'problem', schema: [] },
    create(context) {
      const file = context.filename;
      const path = isAbsolute(file) ? relative(root, file) : file;
      const check = (node) => {
        if (node.source === null || node.source === undefined || typeof node.source.value !== 'string') return;
        const message = violation(table, builtins, path, node.source.value);
        if (message !== undefined) context.report({ node, message });
      };
      return {
        ImportDeclaration: check,
        ExportAllDeclaration: check,
        ExportNamedDeclaration: check,
        ImportExpression: check,
      };
    },
  };
}
