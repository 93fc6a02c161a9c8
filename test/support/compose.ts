import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** A server of compose.yaml, as far as it is written there. */
export interface ComposeService {
  readonly image: string;
  readonly ports: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly volumes?: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
}

export interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** compose.yaml of this project. */
export function readCompose(): Compose {
  return parse(readFileSync(join(__dirname, '../../compose.yaml'), 'utf8')) as Compose;
}
