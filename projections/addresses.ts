/**
 * One text for each address, so that what a person types equals what a node wrote: IPv6 as eight groups of hex digits
 * without leading zeros, in lower case. IPv4 and MAC addresses, and what is no address at all, stay as they are, in
 * lower case.
 */
export function canonicalAddress(text: string): string {
  const lower = text.toLowerCase();
  if (!lower.includes(':') || /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(lower)) return lower;
  const [head, tail, ...more] = lower.split('::');
  if (more.length > 0) return lower;
  const front = groupsOf(head!);
  const back = tail === undefined ? [] : groupsOf(tail);
  const zeros = 8 - front.length - back.length;
  if (zeros < 0 || (tail === undefined && zeros > 0)) return lower;
  return [...front, ...Array<string>(zeros).fill('0'), ...back].join(':');
}

function groupsOf(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => (group.includes('.') ? ipv4Groups(group) : [stripped(group)]));
}

/** The two groups of an IPv4 tail, as in `::ffff:10.0.0.1`. */
function ipv4Groups(text: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)];
}

function stripped(group: string): string {
  return group.replace(/^0+(?=.)/, '');
}
