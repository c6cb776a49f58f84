/** Where and why a file is not a message. `line` is 1-based in the file. */
export interface Rejection {
  /** Nothing at its beginning looks like the head of a message: a note, which needs nobody. */
  readonly isNote?: true;
  readonly line: number;
  /** 1-based, where a character can be named. */
  readonly column?: number;
  readonly found: string;
  readonly expected: string;
}
