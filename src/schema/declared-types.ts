/** From MySQL column types as literal text to TypeScript types. Layer 2, types only. */
import type { Geometry } from './binary.js';
import type { OverrideName } from './type-table.js';
import type { RawCell } from './options.js';
import type { JsonValue } from './values.js';

/** Column name to SQL type as information_schema shows it, with ` null` at the end where NULL is allowed: `'varchar(20) null'`. */
export type Declared = Readonly<Record<string, string>>;

interface Numbers {
  number: number;
  string: string;
  bigint: bigint;
  boolean: boolean;
}

interface Dates {
  string: string;
  date: Date;
  iso: string;
  'epoch-ms': number;
  'epoch-us': bigint;
}

interface Texts {
  string: string;
  bytes: Uint8Array;
}

interface Bytes {
  bytes: Uint8Array;
  base64: string;
  hex: string;
  text: string;
}

/** By leading word of the SQL type: the value of each override name. Kept in step with type-table.ts by a test. */
interface Values {
  tinyint: Numbers;
  smallint: Numbers;
  mediumint: Numbers;
  int: Numbers;
  bigint: { bigint: bigint; string: string; number: number; 'number-if-safe': number | bigint };
  float: { number: number; string: string };
  double: { number: number; string: string };
  decimal: { string: string; number: number };
  year: { number: number; string: string };
  bit: { bytes: Uint8Array; bigint: bigint; number: number; boolean: boolean; string: string };
  date: Dates;
  datetime: Dates;
  timestamp: Dates;
  time: { string: string; micros: bigint };
  char: Texts;
  varchar: Texts;
  tinytext: Texts;
  text: Texts;
  mediumtext: Texts;
  longtext: Texts;
  binary: Bytes;
  varbinary: Bytes;
  tinyblob: Bytes;
  blob: Bytes;
  mediumblob: Bytes;
  longblob: Bytes;
  json: { parsed: JsonValue; text: string };
  geometry: Geometries;
  point: Geometries;
  linestring: Geometries;
  polygon: Geometries;
  multipoint: Geometries;
  multilinestring: Geometries;
  multipolygon: Geometries;
  geomcollection: Geometries;
  geometrycollection: Geometries;
  vector: { float32: Float32Array; array: number[]; bytes: Uint8Array };
}

interface Geometries {
  bytes: Uint8Array;
  geometry: Geometry;
}

interface Defaults {
  tinyint: 'number';
  smallint: 'number';
  mediumint: 'number';
  int: 'number';
  bigint: 'bigint';
  float: 'number';
  double: 'number';
  decimal: 'string';
  year: 'number';
  bit: 'bytes';
  date: 'string';
  datetime: 'string';
  timestamp: 'string';
  time: 'string';
  char: 'string';
  varchar: 'string';
  tinytext: 'string';
  text: 'string';
  mediumtext: 'string';
  longtext: 'string';
  binary: 'bytes';
  varbinary: 'bytes';
  tinyblob: 'bytes';
  blob: 'bytes';
  mediumblob: 'bytes';
  longblob: 'bytes';
  json: 'parsed';
  geometry: 'bytes';
  point: 'bytes';
  linestring: 'bytes';
  polygon: 'bytes';
  multipoint: 'bytes';
  multilinestring: 'bytes';
  multipolygon: 'bytes';
  geomcollection: 'bytes';
  geometrycollection: 'bytes';
  vector: 'float32';
}

type Bare<S extends string> = S extends `${infer B} null` ? B : S;
type Word<S extends string> = S extends `${infer B}(${string}` ? B : S extends `${infer B} ${string}` ? B : S;

type LabelsFrom<S extends string, Found = never> = S extends `'${infer Rest}` ? LabelIn<Rest, '', Found> : Found;
type LabelIn<S extends string, Current extends string, Found> = S extends `${infer A}'${infer B}`
  ? B extends `'${infer C}`
    ? LabelIn<C, `${Current}${A}'`, Found>
    : B extends `,${infer D}`
      ? LabelsFrom<D, Found | `${Current}${A}`>
      : Found | `${Current}${A}`
  : Found;

/** The labels of `enum('a','b')` as a union; `string` when there is an escape in them. */
export type EnumLabels<S extends string> = S extends `${string}\\${string}` ? string : S extends `enum(${infer L}` ? LabelsFrom<L> : string;

type ValueOf<S extends string> =
  Word<S> extends 'enum'
    ? EnumLabels<S>
    : Word<S> extends 'set'
      ? string
      : Word<S> extends keyof Defaults
        ? Values[Word<S>][Defaults[Word<S>] & keyof Values[Word<S>]]
        : unknown;

/** Override names that fit a column of this type. */
export type NamesFor<S extends string> =
  | (Word<Bare<S>> extends 'enum'
      ? 'string' | 'index' | `charset:${string}`
      : Word<Bare<S>> extends 'set'
        ? 'string' | 'array' | `charset:${string}`
        : Word<Bare<S>> extends keyof Values
          ? (keyof Values[Word<Bare<S>>] & string) | (Values[Word<Bare<S>>] extends Texts | Bytes ? `charset:${string}` : never)
          : OverrideName)
  | ((raw: RawCell) => unknown);

type Overridden<S extends string, O> = O extends (raw: RawCell) => infer R
  ? R
  : Word<S> extends 'enum'
    ? O extends 'index'
      ? number
      : EnumLabels<S>
    : Word<S> extends 'set'
      ? O extends 'array'
        ? string[]
        : string
      : O extends `charset:${string}`
        ? string
        : Word<S> extends keyof Values
          ? O extends keyof Values[Word<S>]
            ? Values[Word<S>][O]
            : unknown
          : unknown;

type Null<S extends string> = S extends `${string} null` ? null : never;

/** The row of declared columns under overrides by column. */
export type DeclaredRow<D extends Declared, T> = {
  -readonly [K in keyof D]: (K extends keyof T ? Overridden<Bare<D[K]>, T[K]> : ValueOf<Bare<D[K]>>) | Null<D[K]>;
};

/** Overrides that fit the declared columns. */
export type DeclaredOverrides<D extends Declared> = { readonly [K in keyof D]?: NamesFor<D[K]> };
