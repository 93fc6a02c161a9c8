import { issueToken, verifyToken } from '../../../../../runtime/programs/probe/token';

const SECRET = new Uint8Array(32).fill(1);
const NOW = 1_700_000_000_000;

describe('FG-522: a probe token', () => {
  const token = issueToken(SECRET, 'alice', NOW + 1000);

  it('says who attaches', () => {
    expect(verifyToken(SECRET, token, NOW)).toBe('operator:alice');
  });

  it('is of one grid, whole, and valid for a time', () => {
    const refused = (text: string, now = NOW, secret = SECRET) => expect(() => verifyToken(secret, text, now)).toThrow;
    refused(token, NOW, new Uint8Array(32).fill(2))('is not one of this grid');
    refused(token, NOW + 1001)('was valid until 2023-11-14T22:13:21.000Z');
    const [body, signature] = token.split('.');
    const other = Buffer.from(JSON.stringify({ name: 'root', until: NOW + 1e9 })).toString('base64url');
    for (const forged of ['', '.', 'x', body!, `${other}.${signature}`, `${body}.`, `${body}.${signature!.slice(1)}`]) {
      refused(forged)('is not one of this grid');
    }
  });
});
