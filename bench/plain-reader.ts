/** What one writes on an afternoon with the generated code: each row an object with the same values as the client's. */
import type { Row } from '../src/wire/gen/query_pb.js';
import { type Field, Type } from '../src/wire/gen/query_pb.js';
import type { VStreamResponse } from '../src/wire/gen/vtgate_pb.js';

type PlainRow = Record<string, unknown>;

export class PlainReader {
  readonly #fields = new Map<string, readonly Field[]>();

  /** The rows after each change of a message. */
  rows(message: VStreamResponse): PlainRow[] {
    const rows: PlainRow[] = [];
    for (const { fieldEvent, rowEvent } of message.events) {
      if (fieldEvent) this.#fields.set(fieldEvent.tableName, fieldEvent.fields);
      if (!rowEvent) continue;
      const fields = this.#fields.get(rowEvent.tableName) ?? [];
      for (const { after } of rowEvent.rowChanges) if (after) rows.push(plainRow(fields, after));
    }
    return rows;
  }
}

function plainRow(fields: readonly Field[], { lengths, values }: Row): PlainRow {
  const row: PlainRow = {};
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  let at = 0;
  fields.forEach((field, index) => {
    const length = Number(lengths[index]);
    if (length < 0) row[field.name] = null;
    else {
      const text = bytes.toString('utf8', at, at + length);
      at += length;
      row[field.name] = plainValue(field.type, text);
    }
  });
  return row;
}

function plainValue(type: Type, text: string): unknown {
  switch (type) {
    case Type.INT64:
    case Type.UINT64:
      return BigInt(text);
    case Type.INT32:
    case Type.FLOAT64:
      return Number(text);
    case Type.JSON:
      return text;
    default:
      return text;
  }
}
