/** One row of the table of failures. Layer 2. */
import type { ErrorCategory, ErrorCode } from '../errors.js';

export interface FailureRule {
  /** gRPC or Vitess codes; absent = any but OK. */
  readonly codes?: readonly number[];
  /** MySQL error numbers; matches when one of these or `text` does. */
  readonly errnos?: readonly number[];
  readonly text?: RegExp;
  readonly code: ErrorCode;
  /** Absent = the category of the code. */
  readonly category?: ErrorCategory;
  /** What happened, completing "ADDRESS …"; `$1` is the first group of `text`. */
  readonly says: string;
  readonly next: string;
}
