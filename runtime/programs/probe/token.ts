import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { FlowgridError } from '../../../domain/base/errors';
import type { Millis } from '../../../domain/base/ids';

/**
 * Who may attach probes: whoever has a token, which names a person and an end and is signed with a key made of the grid's
 * secret. Whoever can read the secret issues tokens; whoever hosts nodes has it and can verify them, so that there is no
 * list to keep. A token is `base64url(JSON {name, until}).base64url(HMAC-SHA-256)`.
 */
interface Claims {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly until: Millis;
}

/** Keeps the key apart from those of nodes, which are made of the same secret. */
const PURPOSE = 'flowgrid probe token, version 1';

/** A token for `name`, valid until then. */
export function issueToken(secret: Uint8Array, name: string, until: Millis): string {
  const claims: Claims = { name, until };
  const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${body}.${signature(secret, body).toString('base64url')}`;
}

/**
 * The principal that a token stands for: `operator:NAME`.
 *
 * @throws FlowgridError `rejected` for one that this grid's secret did not sign, or whose time is over.
 */
export function verifyToken(secret: Uint8Array, token: string, now: Millis): string {
  const [body = '', given = ''] = token.split('.');
  const signed = Buffer.from(given, 'base64url');
  const wanted = signature(secret, body);
  if (signed.length !== wanted.length || !timingSafeEqual(signed, wanted)) {
    throw new FlowgridError('rejected', 'the probe token is not one of this grid', {
      remedy: "ask whoever has the grid's key for one: 'flowgrid probe token NAME'",
    });
  }
  const { name, until } = JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims;
  if (now > until) {
    throw new FlowgridError('rejected', `the probe token of ${name} was valid until ${new Date(until).toISOString()}`, {
      remedy: "ask for a new one: 'flowgrid probe token NAME'",
    });
  }
  return `operator:${name}`;
}

/** @throws FlowgridError `not-found` without the file. */
export function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new FlowgridError('not-found', `${path}: no probe token there (${(cause as NodeJS.ErrnoException).code})`, {
      remedy: "write what 'flowgrid probe token NAME' prints into it",
      cause,
    });
  }
}

function signature(secret: Uint8Array, body: string): Buffer {
  const key = createHmac('sha256', secret).update(PURPOSE).digest();
  return createHmac('sha256', key).update(body).digest();
}
