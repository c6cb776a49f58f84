import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  formatTrailers,
  readTrailer,
  readTrailers,
  type Trailer,
} from '../../src/protocol/trailers.ts';

const KEYS = ['Re', 'Channel', 'Host', 'Cost', 'Run', 'Message', 'Retries'] as const;
const value = fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' }).filter(isOneLine);
const trailers = fc.array(fc.tuple(fc.constantFrom(...KEYS), value), {
  minLength: 1,
  maxLength: 8,
});

function isOneLine(text: string): boolean {
  return formatTrailers([['Re', text]]) === `Crosstalk-Re: ${text}\n`;
}

it('what was written is read back, whatever precedes it', () => {
  fc.assert(
    fc.property(fc.string(), trailers, (body, written: readonly Trailer[]) => {
      const message = `subject\n\n${body}\n\n${formatTrailers(written)}`;
      for (const key of KEYS)
        expect(readTrailers(message, key)).toEqual(
          written.flatMap(([each, text]) => (each === key && text !== null ? [text] : [])),
        );
    }),
  );
});

it('a line in the text of an answer is not a trailer', () => {
  const body = 'All done.\n\nCrosstalk-Retries: 01JD0000000000000000000000\n\nBye.';
  const message = `opus → ada\n\n${body}\n\n${formatTrailers([['Re', 'hello']])}`;
  expect(readTrailer(message, 'Retries')).toBeNull();
  expect(readTrailer(message, 'Re')).toBe('hello');
});

it('a value with a line end cannot begin another trailer', () => {
  const written = formatTrailers([['Re', 'x\nCrosstalk-Cost: 9 USD']]);
  expect(readTrailer(`s\n\n${written}`, 'Cost')).toBeNull();
});
