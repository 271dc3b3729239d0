/**
 * Writes docs/types.md from src/schema/type-table.ts, so that the page cannot say something else than the decoder does.
 *
 *   node node_modules/jiti/lib/jiti-cli.mjs tools/docs/types.ts
 */
import { realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CHARSET_NAMES } from '../../src/schema/collations.js';
import { TYPE_TABLE, type TypeRow } from '../../src/schema/type-table.js';

export const PAGE = fileURLToPath(new URL('../../docs/types.md', import.meta.url));

export function renderTypes(): string {
  const rows = TYPE_TABLE.map((row) => `| ${row.mysql} | \`${cell(row.type)}\` | ${overrides(row)} | ${cell(row.gotcha)} |`);
  return `<!-- Written by tools/docs/types.ts from src/schema/type-table.ts. Do not edit. -->
# Types

What each MySQL type becomes, what you can have instead, and what to look out for. The same value comes out of the copy and of
replication, with the one exception of FLOAT.

| MySQL | TypeScript | overrides | look out for |
|---|---|---|---|
${rows.join('\n')}
| any other | \`Uint8Array\` | \`bytes\` | A type newer than this version: its bytes, and a warning that names the column. |

SQL NULL is \`null\`. A column that was not sent (partial row image) is an absent property: see [partial-images.md](partial-images.md).

## Overrides

By type for the whole stream, by column for one table; the column wins.

\`\`\`ts
vstream({
  source,
  types: { bigint: 'string', timestamp: 'date', boolean: 'boolean' },
  tables: { orders: table({ types: { total: (raw) => Money.parse(raw.text), legacy: 'charset:gbk' } }) },
});
\`\`\`

- Names for \`types\`: ${TYPE_TABLE.flatMap(({ names }) => names)
    .map((name) => `\`${name}\``)
    .join(', ')}. \`boolean\` means TINYINT(1) and wins over \`tinyint\`.
- A function receives \`{ bytes, text }\`: a copy of the bytes on the wire, and the exact value as text. It is not called for NULL.
- A name that does not fit its column is refused with \`CONFIG_INVALID\` and the names that do.
- \`zeroDates\` says what date converters make of \`0000-00-00\`, \`2024-00-15\` or \`2023-02-29\`: \`fail\` (default), \`null\`, \`string\`.
  Without a converter such dates are text like any other.
- With \`table({ declared, types })\` an override changes the TypeScript type of its column: see [typed-tables.md](typed-tables.md).

## Text as raw cells give it

\`cells.text(i)\` is the value as exact text, whatever the overrides: numbers without surplus zeros, text decoded, labels of ENUM and SET,
JSON as sent, dates as sent, BIT as decimal digits, VECTOR as \`[1,-2.5]\`, binary and GEOMETRY as base64.

## Character sets

${CHARSET_NAMES.filter((name) => name !== 'binary')
  .map((name) => `\`${name}\``)
  .join(', ')}: each read exactly as MySQL itself converts it, which for several sets is not what Node or
iconv-lite do. Bytes that are not valid in their set stop the stream with \`DECODE_FAILED\` and the column; \`invalidText: 'replace'\` puts
U+FFFD instead. A tablet cannot name gbk, gb18030, big5 and tis620: ASCII passes, other text needs \`charset:NAME\` (\`vstream types\` writes it).

## What no client can repair

- FLOAT: the server prints copied values with 6 digits. Use DOUBLE, or do not compare.
- A row whose every cell is NULL is copied and never replicated. Only tables without any NOT NULL column can have one.
- JSON in replication (seen on Vitess 25.0.0-SNAPSHOT): a negative TIME inside a document comes as \`""\` or another time, one of 32 hours and more without what is
  above 31, a zero date as another text; base64 of binary values has line breaks in the copy only. As text of their own columns TIME and dates are exact.
- ENUM and SET labels with characters outside the BMP (emoji): MySQL itself shows them as \`?\` in the column's type, and that is what replication sends; the copy
  has the label. The stream warns of labels with a \`?\`.
- Servers before July 2026 lose the 64th member of a SET in replication.
- After \`ALTER … CHARACTER SET\` or a change of ENUM labels, rows written before it and replayed after it are read with the new definition.
  Copy such a table again when you resume from before the change.
`;
}

function overrides(row: TypeRow): string {
  return row.overrides
    .map(({ name, type, note }) => `\`${name}\` (\`${cell(type)}\`${note === undefined ? '' : `, ${cell(note)}`})`)
    .join('<br>');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) writeFileSync(PAGE, renderTypes());
