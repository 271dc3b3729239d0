import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GRAMMAR, type ShardAction, type ShardEvent, type ShardState } from './grammar.js';

const states = Object.keys(GRAMMAR) as ShardState[];
const events = Object.keys(GRAMMAR.idle) as ShardEvent[];

describe('the grammar of one shard', () => {
  test('answers every event in every state', () => {
    for (const state of states) expect(Object.keys(GRAMMAR[state]).sort()).toEqual([...events].sort());
  });

  test('leads to known states only, each of which can be reached and left', () => {
    const reached = new Set<ShardState>(['idle']);
    for (const state of reached) for (const event of events) reached.add(GRAMMAR[state][event].next);
    expect([...reached].sort()).toEqual([...states].sort());
    for (const state of states) if (state !== 'idle') expect(events.some((event) => GRAMMAR[state][event].next === 'idle')).toBe(true);
  });

  test('walked at random, adopts a position at terminal events only and hands out only groups that were opened', () => {
    const adopting: readonly ShardAction[] = ['finish', 'statement', 'checkpoint'];
    const terminal: readonly ShardEvent[] = ['commit', 'ddl', 'other'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 40 }), (walk) => {
        let state = 'idle' as ShardState;
        let open = false;
        for (const event of walk) {
          const { next, action } = GRAMMAR[state][event];
          if (adopting.includes(action)) expect(terminal).toContain(event);
          if (action === 'finish') expect(open).toBe(true);
          // While a group is open nothing but its own COMMIT adopts anything (G40).
          if (open && adopting.includes(action)) expect(event).toBe('commit');
          if (['open', 'reopen', 'openAndAddRows'].includes(action)) open = true;
          if (['finish', 'discard', 'statement', 'checkpoint'].includes(action)) open = false;
          expect(next === 'open').toBe(open);
          state = next;
        }
      }),
    );
  });

  test('no event moves a shard between groups unless it is a terminal one or a BEGIN', () => {
    for (const event of ['journal', 'version', 'copyCompleted', 'unknown', 'field'] as const) {
      for (const state of states) expect(GRAMMAR[state][event].next).toBe(state);
    }
  });
});
