/** East Asian sets, served by iconv-lite, which loads when the first such column appears. Layer 2. */
import { createRequire } from 'node:module';
import type { Charset } from './charset.js';
import { refuse } from './charset.js';

const ICONV_NAME: Readonly<Record<string, string>> = {
  sjis: 'shift_jis',
  cp932: 'cp932',
  ujis: 'eucjp',
  eucjpms: 'eucjp',
  euckr: 'euckr',
  gb2312: 'gb2312',
  gbk: 'gbk',
  gb18030: 'gb18030',
  big5: 'big5',
};

type Iconv = typeof import('iconv-lite');
let iconv: Iconv | undefined;

function loadIconv(): Iconv {
  // Synchronous on purpose: a decoder is compiled in the middle of a message.
  iconv ??= createRequire(import.meta.url)('iconv-lite') as Iconv;
  return iconv;
}

export function multiByteCodec(name: string): Charset | undefined {
  const encoding = Object.hasOwn(ICONV_NAME, name) ? ICONV_NAME[name] : undefined;
  if (encoding === undefined) return undefined;
  return {
    name,
    asciiCompatible: true,
    decode(buffer, start, end, invalid) {
      const text = loadIconv().decode(buffer.subarray(start, end), encoding, { stripBOM: false });
      if (invalid === 'fail' && text.includes('\ufffd')) refuse(name);
      return text;
    },
  };
}
