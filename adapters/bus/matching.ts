import { FlowgridError } from '../../domain/base/errors';

/** Decides whether a subject is meant. */
export type Matcher = (subject: string) => boolean;

/**
 * Compiles a subscription pattern with NATS' meaning: tokens are separated by dots, `*` stands for exactly one token,
 * `>` as the last token for one or more.
 *
 * @throws FlowgridError `usage` for empty tokens, white space, or a `>` that is not last.
 */
export function compilePattern(pattern: string): Matcher {
  const tokens = tokensOf(pattern);
  const open = tokens.at(-1) === '>';
  const fixed = open ? tokens.slice(0, -1) : tokens;
  if (fixed.includes('>')) throw new FlowgridError('usage', `pattern ${pattern}: '>' may only be the last token`);
  if (!open && !fixed.includes('*')) return (subject) => subject === pattern;
  return (subject) => {
    const named = subject.split('.');
    if (open ? named.length <= fixed.length : named.length !== fixed.length) return false;
    return fixed.every((token, index) => token === '*' || token === named[index]);
  };
}

/** @throws FlowgridError `usage` for a subject to publish to that is empty or holds empty tokens, white space or wildcards. */
export function checkSubject(subject: string): void {
  if (tokensOf(subject).some((token) => token === '*' || token === '>')) {
    throw new FlowgridError('usage', `subject ${subject}: wildcards are for subscriptions`);
  }
}

function tokensOf(subject: string): string[] {
  const tokens = subject.split('.');
  if (/\s/.test(subject) || tokens.includes('')) {
    throw new FlowgridError('usage', `subject ${JSON.stringify(subject)}: empty token or white space`);
  }
  return tokens;
}
