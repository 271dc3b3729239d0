/** Which keys a copy can go on behind. Pure. Layer 3. */
import { fromBinary } from '@bufbuild/protobuf';
import { type ColumnType, QUERY_TYPE } from '../schema/mysql-type.js';
import { TableLastPKSchema } from '../wire/gen/binlogdata_pb.js';

/**
 * The tablet asks MySQL for rows `> 'key as text'`, in the order of the key. ENUM and SET are ordered by their numbers and compared with text as text, so
 * rows were left out in silence: 8,800 of 12,000 on Vitess 25. Of a FLOAT the text has six digits, which lie beside the row.
 */
export function resumesAt({ kind, name }: Pick<ColumnType, 'kind' | 'name'>): boolean {
  return kind !== 'enum' && kind !== 'set' && name !== 'float';
}

const DAYS: readonly number[] = [QUERY_TYPE.DATE, QUERY_TYPE.DATETIME, QUERY_TYPE.TIMESTAMP];

/**
 * True for a last key (base64) with a day that no calendar has, as `0000-00-00`: the tablet writes it into its query as it is, and its
 * `sql_mode` refuses it (Incorrect DATE value), at each try.
 */
export function holdsNoDay(lastPk: string): boolean {
  const { lastpk } = fromBinary(TableLastPKSchema, Buffer.from(lastPk, 'base64'));
  const [row] = lastpk?.rows ?? [];
  let at = 0;
  return (lastpk?.fields ?? []).some(({ type }, index) => {
    const length = Math.max(0, Number(row?.lengths[index] ?? 0n));
    const text = Buffer.from(row?.values.subarray(at, (at += length)) ?? []).toString();
    return DAYS.includes(type) && /^\d{4}-(00|\d\d-00)/.test(text);
  });
}
