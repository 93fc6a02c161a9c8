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
