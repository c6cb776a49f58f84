/** Whether the fuzzer would find a fault of each kind: one is planted where messages are read. */
import { afterEach, describe, expect, it } from 'vitest';
import { decodeMessage } from '../../src/protocol/message.ts';
import { findFault } from './fuzz.ts';
import { type Reader, READERS } from './readers.ts';

const CASES = 4_000;
const polluted: Record<string, unknown> = Object.prototype as never;

afterEach(() => {
  delete polluted['planted'];
});

/** What the reader of messages is given, for a fault in place of it. */
function withFault(fault: (text: string) => void): Reader {
  const reader = READERS.find(({ name }) => name === 'message')!;
  return {
    ...reader,
    read: (bytes) => fault(bytes.toString('utf8')),
  };
}

function busy(): void {
  const before = process.cpuUsage();
  let count = 0;
  do for (const end = count + 1_000_000; count < end; count += 1);
  while (process.cpuUsage(before).user < 600_000);
}

const FAULTS: Readonly<Record<string, (text: string) => void>> = {
  'throws on a name of objects': (text) => {
    if (text.includes('__proto__')) throw new Error('planted');
  },
  'cannot read again what it has read': (text) => {
    const read = decodeMessage(Buffer.from(text));
    if (read.kind === 'message' && read.message.body.includes('\u2028')) throw new Error('planted');
  },
  'changes a prototype': (text) => {
    if (text.includes('constructor')) polluted['planted'] = true;
  },
  'takes long for what is large': (text) => {
    if (text.length > 1_500 && text.length < 60_000) busy();
  },
};

describe(`within ${CASES} cases`, () => {
  it('nothing is found where there is no fault', () => {
    expect(findFault([withFault(() => undefined)], CASES / 4)).toBeNull();
  });

  it.each(Object.keys(FAULTS))('a reader is found that %s', (name) => {
    const found = findFault([withFault(FAULTS[name]!)], CASES);
    expect(found?.what).toBe('message');
    expect(found?.why).toMatch(/planted|prototype|processor time/);
  });
});
