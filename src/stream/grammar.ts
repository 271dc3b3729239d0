/**
 * The grammar of one shard's events as a total table: every state, every event. Pure. Layer 3.
 *
 * Measured (measured.md section 1): a transaction is `BEGIN (FIELD | ROW)* VGTID COMMIT`; DDL and OTHER come as `VGTID DDL` and
 * `VGTID OTHER`; the copy of an empty table leaves a BEGIN without COMMIT, so a second BEGIN starts the group anew and keeps
 * the FIELDs (G45); a COMMIT without VGTID exists (G37); servers up to 16.0.2 leave out the BEGIN of later copy packets (G46).
 */

/** `idle`: nothing open. `announced`: a VGTID waits for its DDL or OTHER. `open`: a BEGIN waits for its COMMIT. */
export type ShardState = 'idle' | 'announced' | 'open';

export type ShardEvent =
  | 'begin'
  | 'field'
  | 'row'
  | 'vgtid'
  | 'commit'
  | 'rollback'
  | 'ddl'
  | 'other'
  | 'journal'
  | 'version'
  | 'copyCompleted'
  | 'unknown';

/** `VEventType` numbers; any other is `unknown`, never an error: new ones come in minor releases (G9). */
export const EVENT_KIND: Readonly<Record<number, ShardEvent>> = {
  2: 'begin',
  3: 'commit',
  4: 'rollback',
  5: 'ddl',
  11: 'other',
  12: 'row',
  13: 'field',
  15: 'vgtid',
  16: 'journal',
  17: 'version',
  20: 'copyCompleted',
};

export type ShardAction =
  /** Nothing to do. */
  | 'ignore'
  /** Open a new group. */
  | 'open'
  /** Drop the rows and position of the open group, keep its FIELDs. */
  | 'reopen'
  | 'learnFields'
  | 'addRows'
  /** Open a group for rows that came without a BEGIN, then add them. */
  | 'openAndAddRows'
  /** Keep the vector until the terminal event of its group. */
  | 'holdPosition'
  /** Hand the group out; its position, if one is held, is adopted. */
  | 'finish'
  /** Drop the group; nothing moves. */
  | 'discard'
  /** Hand out a statement outside any group; the held position is adopted. */
  | 'statement'
  /** Keep the statement with the open group: its position is not safe before the COMMIT (G40). */
  | 'attachStatement'
  /** Hand out a position without rows. */
  | 'checkpoint'
  | 'journal'
  | 'copyCompleted';

export interface Transition {
  readonly next: ShardState;
  readonly action: ShardAction;
}

const to = (next: ShardState, action: ShardAction): Transition => ({ next, action });

export const GRAMMAR: Readonly<Record<ShardState, Readonly<Record<ShardEvent, Transition>>>> = {
  idle: {
    begin: to('open', 'open'),
    field: to('idle', 'learnFields'),
    row: to('open', 'openAndAddRows'),
    vgtid: to('announced', 'holdPosition'),
    commit: to('idle', 'ignore'),
    rollback: to('idle', 'ignore'),
    ddl: to('idle', 'statement'),
    other: to('idle', 'ignore'),
    journal: to('idle', 'journal'),
    version: to('idle', 'ignore'),
    copyCompleted: to('idle', 'copyCompleted'),
    unknown: to('idle', 'ignore'),
  },
  announced: {
    begin: to('open', 'open'),
    field: to('announced', 'learnFields'),
    row: to('open', 'openAndAddRows'),
    vgtid: to('announced', 'holdPosition'),
    commit: to('idle', 'checkpoint'),
    rollback: to('idle', 'discard'),
    ddl: to('idle', 'statement'),
    other: to('idle', 'checkpoint'),
    journal: to('announced', 'journal'),
    version: to('announced', 'ignore'),
    copyCompleted: to('announced', 'copyCompleted'),
    unknown: to('announced', 'ignore'),
  },
  open: {
    begin: to('open', 'reopen'),
    field: to('open', 'learnFields'),
    row: to('open', 'addRows'),
    vgtid: to('open', 'holdPosition'),
    commit: to('idle', 'finish'),
    rollback: to('idle', 'discard'),
    ddl: to('open', 'attachStatement'),
    other: to('open', 'ignore'),
    journal: to('open', 'journal'),
    version: to('open', 'ignore'),
    copyCompleted: to('open', 'copyCompleted'),
    unknown: to('open', 'ignore'),
  },
};
