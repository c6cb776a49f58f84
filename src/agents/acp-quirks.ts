/** What is particular to an agent that speaks ACP, by the name that it gives itself. */

export interface Quirks {
  /** A whole piece of answer that is a notice of the program, not the model's words. */
  readonly notice?: RegExp;
  /** The answer carries the id of its message, notices do not. */
  readonly answersHaveId?: true;
  /** It reports its tokens after every turn: a turn without tokens did not happen. */
  readonly countsTokens?: true;
  /** `session/load` gives back something else than it promises. */
  readonly cannotLoad?: true;
}

/** A part of the name → what is particular; the first that fits. */
const TABLE: readonly (readonly [part: string, quirks: Quirks])[] = [
  ['claude', { notice: /^\s*\*\*Warning:\*\*/, countsTokens: true }],
  ['codex', { answersHaveId: true }],
  ['copilot', { notice: /^\s*(?:Info|Warning|Error): /i, countsTokens: true }],
  ['gemini', { notice: /^\s*\[MODE_UPDATE\]/, cannotLoad: true }],
  ['opencode', { countsTokens: true }],
  ['pi-acp', { notice: /^\s*pi v\d/ }],
];

/** Those of an agent of that name; nothing of one that is not known. */
export function quirksOf(name: string): Quirks {
  const lower = name.toLowerCase();
  return TABLE.find(([part]) => lower.includes(part))?.[1] ?? {};
}
