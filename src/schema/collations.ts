/** MySQL collation id to character set name: MySQL's fixed numbers (A.6). Layer 2. */

/** `a-b` is an inclusive range. */
const IDS: Readonly<Record<string, string>> = {
  utf8mb4: '45 46 224-247 255-323',
  utf8mb3: '33 76 83 192-215 223',
  ascii: '11 65',
  binary: '63',
  latin1: '5 8 15 31 47 48 49 94',
  utf16: '54 55 101-124',
  ucs2: '35 90 128-151 159',
  utf16le: '56 62',
  utf32: '60 61 160-183',
  cp1250: '26 34 44 66 99',
  cp1251: '14 23 50 51 52',
  cp1256: '57 67',
  cp1257: '29 58 59',
  latin2: '2 9 21 27 77',
  latin5: '30 78',
  latin7: '20 41 42 79',
  greek: '25 70',
  hebrew: '16 71',
  koi8r: '7 74',
  koi8u: '22 75',
  cp866: '36 68',
  macroman: '39 53',
  sjis: '13 88',
  cp932: '95 96',
  ujis: '12 91',
  eucjpms: '97 98',
  euckr: '19 85',
  gb2312: '24 86',
  gbk: '28 87',
  gb18030: '248-250',
  big5: '1 84',
  tis620: '18 89',
  cp850: '4 80',
  cp852: '40 81',
  dec8: '3 69',
  hp8: '6 72',
  swe7: '10 82',
  armscii8: '32 64',
  geostd8: '92 93',
  keybcs2: '37 73',
  macce: '38 43',
};

const byId = new Map<number, string>();
for (const [name, ids] of Object.entries(IDS)) {
  for (const range of ids.split(' ')) {
    const [first, last] = range.split('-').map(Number);
    for (let id = first as number; id <= (last ?? first ?? -1); id++) byId.set(id, name);
  }
}

export const CHARSET_NAMES: readonly string[] = Object.keys(IDS);

/** undefined for 0 and for ids no MySQL up to 9 has. */
export function charsetOfCollation(id: number): string | undefined {
  return byId.get(id);
}
