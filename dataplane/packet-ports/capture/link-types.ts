/** Link types (LINKTYPE_* / DLT_* numbers as capture files carry them) that flowgrid reads. */
export const LINK_NULL = 0;
export const LINK_ETHERNET = 1;
/** Raw IP under the numbers that some systems gave it before 101. */
export const LINK_RAW_12 = 12;
export const LINK_RAW_14 = 14;
export const LINK_RAW = 101;
export const LINK_LOOP = 108;
/** Linux cooked mode ("any" device), version 1 and 2. */
export const LINK_SLL = 113;
export const LINK_IPV4 = 228;
export const LINK_IPV6 = 229;
export const LINK_SLL2 = 276;

const names = new Map<number, string>([
  [LINK_NULL, 'null/loopback'],
  [LINK_ETHERNET, 'Ethernet'],
  [LINK_RAW_12, 'raw IP'],
  [LINK_RAW_14, 'raw IP'],
  [LINK_RAW, 'raw IP'],
  [LINK_LOOP, 'OpenBSD loopback'],
  [LINK_SLL, 'Linux cooked v1'],
  [LINK_IPV4, 'raw IPv4'],
  [LINK_IPV6, 'raw IPv6'],
  [LINK_SLL2, 'Linux cooked v2'],
]);

/** Whether records of this link type can be carried as Ethernet frames; others are carried opaque (`ethernet.ts`). */
export function isKnownLinkType(linkType: number): boolean {
  return names.has(linkType);
}

/** A link type for people: its name, or its number. */
export function linkTypeName(linkType: number): string {
  return names.get(linkType) ?? `link type ${linkType}`;
}
