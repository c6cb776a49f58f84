import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTranscript, readTranscripts, TRANSCRIPT_LIMITS } from '../../src/local/transcripts.ts';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'transcripts-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const head = (attemptId: string) => ({
  attemptId,
  message: 'data/channels/general/m.md',
  model: 'opus',
  startedAt: '2026-11-21T06:40:20.000Z',
});

describe('transcripts', () => {
  it('are there while they are written, in order, of one message only', async () => {
    const first = await openTranscript(place, head('a'));
    first.write('one\n');
    const other = await openTranscript(place, {
      ...head('b'),
      message: 'data/channels/general/other.md',
    });
    other.close();
    const second = await openTranscript(place, head('c'));
    second.write('two\n');
    first.write('three\n');
    const kept = await readTranscripts(place, 'data/channels/general/m.md');
    expect(kept.map(({ attemptId, text }) => [attemptId, text])).toEqual([
      ['a', 'one\nthree\n'],
      ['c', 'two\n'],
    ]);
    first.close();
    second.close();
    second.write('after the end');
  });

  it('are cut at their size and go when there are too many, the oldest first', async () => {
    const limits = { ...TRANSCRIPT_LIMITS, filesMax: 3, fileBytesMax: 10 };
    for (const id of ['a', 'b', 'c', 'd']) {
      const transcript = await openTranscript(place, head(id), limits);
      transcript.write('0123456789abc');
      transcript.write('more');
      transcript.close();
    }
    const kept = await readTranscripts(place, 'data/channels/general/m.md');
    expect(kept.map(({ attemptId }) => attemptId)).toEqual(['b', 'c', 'd']);
    expect(kept[0]?.text).toMatch(/^0123456789\n\[… the rest was not kept/);
  });

  it('cost nothing but themselves when they cannot be written', async () => {
    const blocked = join(place, 'file');
    writeFileSync(blocked, '');
    const transcript = await openTranscript(blocked, head('a'));
    transcript.write('x');
    transcript.close();
    expect(readdirSync(place)).toEqual(['file']);
    expect(await readTranscripts(join(place, 'nothing'), 'm')).toEqual([]);
  });
});
