/**
 * PROTOCOL.md against the code: tables, records, the worked key, the names of headings that the
 * source refers to.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAILURE_CLASSES } from '../../src/agents/agent.ts';
import { parseDuration } from '../../src/base/duration.ts';
import { formatBeat, HOST_STATES, parseBeat } from '../../src/protocol/beat.ts';
import { type Claim, formatClaim, parseClaim } from '../../src/protocol/claim.ts';
import { CONTROL_NAME, CONTROL_OPS } from '../../src/protocol/control.ts';
import { decideAfterFailure, type FailedAttempt } from '../../src/protocol/failure-policy.ts';
import { MESSAGE_BYTES_MAX } from '../../src/protocol/front-matter.ts';
import { INVARIANTS } from '../../src/protocol/invariants.ts';
import { decodeMessage } from '../../src/protocol/message.ts';
import { MODEL_DEFAULTS, READ_ONLY_ADAPTERS } from '../../src/protocol/models.ts';
import { decodeModels } from '../../src/protocol/decode-models.ts';
import {
  claimKey,
  identityOf,
  parseMessagePath,
  PROTOCOL_VERSION,
  refNames,
} from '../../src/protocol/paths.ts';
import { ENGINE } from '../../src/workflow/run/header.ts';
import { OPS } from '../../src/workflow/run/controls.ts';
import { END_STATUSES } from '../../src/workflow/run/route.ts';
import type { Oid } from '../../src/base/ids.ts';
import { anchorsOf, anchorOf, codesIn, readPage, ROOT, tableAt } from './page.ts';

const page = readPage('PROTOCOL.md');

describe('front matter', () => {
  const fields = tableAt(page, 'table: fields').map(([field, form]) => ({
    field: codesIn(field ?? '')[0] ?? '',
    form: form ?? '',
  }));

  it('the table names exactly the fields that are known', () => {
    const source = readPage('src/protocol/message.ts');
    const known = [...source.matchAll(/take\('([a-z_]+)'\)/g)].map(([, name]) => name ?? '');
    expect(fields.map(({ field }) => field).sort()).toEqual([...new Set(known)].sort());
  });

  it.each(fields.filter(({ form }) => !form.startsWith('text')))(
    '$field refuses what is not: $form',
    ({ field }) => {
      const read = decodeMessage(
        Buffer.from(`---\n${field === 'to' ? '' : 'to: opus\n'}${field}: { a: b }\n---\n`),
      );
      expect(read.kind).toBe('rejected');
    },
  );

  it.each(fields.filter(({ form }) => form.includes(' … ')))(
    '$field takes both ends of: $form',
    ({ field, form }) => {
      const [low = '', high = ''] = form.split(' … ');
      const reads = (value: string): string =>
        decodeMessage(Buffer.from(`---\nto: opus\n${field}: ${value}\n---\n`)).kind;
      expect([
        reads(low),
        reads(high),
        reads(String(Number(high) + 1)),
        reads(String(Number(low) - 1)),
      ]).toEqual(['message', 'message', 'rejected', 'rejected']);
    },
  );

  it('states the size limit of the code', () => {
    expect(page).toContain(`At most ${MESSAGE_BYTES_MAX.toLocaleString('en-US')} bytes`);
  });
});

describe('models', () => {
  const rows = tableAt(page, 'table: models').map(([key, form, meaning]) => ({
    key: codesIn(key ?? '')[0] ?? '',
    form: form ?? '',
    meaning: meaning ?? '',
  }));
  const problemsOf = (line: string): readonly string[] =>
    decodeModels(
      `models:\n  m:\n    adapter: command\n    command: [cat]\n    ${line}\n`,
    ).problems.map(({ expected }) => expected);

  it('the table names exactly the keys that are known', () => {
    const [expected = ''] = problemsOf('nonsense: 1');
    expect(rows.map(({ key }) => key).sort()).toEqual(
      expected.replace('one of ', '').split(', ').sort(),
    );
  });

  it.each(rows.filter(({ form }) => form.includes(' … ')))('$key takes $form', ({ key, form }) => {
    const [low = '', high = ''] = form.split(' … ');
    expect([low, high].flatMap((value) => problemsOf(`${key}: ${value}`))).toEqual([]);
    expect(problemsOf(`${key}: ${Number(high) + 1}`)).toHaveLength(1);
  });

  it('the defaults are those of the code', () => {
    const said = (key: string): string =>
      rows
        .find((row) => row.key === key)
        ?.meaning.split('; ')
        .at(-1) ?? '';
    expect(parseDuration(said('timeout'))).toBe(MODEL_DEFAULTS.timeoutMs);
    expect(parseDuration(said('idle-timeout'))).toBe(MODEL_DEFAULTS.idleTimeoutMs);
    expect(said('concurrency')).toBe(String(MODEL_DEFAULTS.concurrency));
    expect(said('attempts')).toContain(String(MODEL_DEFAULTS.attempts));
    expect(said('output-bytes-max')).toBe(String(MODEL_DEFAULTS.outputBytesMax));
    expect(READ_ONLY_ADAPTERS).not.toContain('command');
  });
});

describe('identity and key', () => {
  it.each(tableAt(page, 'example: key').map((cells) => [cells] as const))(
    '%s',
    ([path = '', recipient = '', hashed = '', key = '']) => {
      const file = parseMessagePath(codesIn(path)[0] ?? '');
      expect(file).not.toBeNull();
      if (file === null) return;
      const work = {
        channel: file.channel,
        identity: identityOf(file),
        recipient: codesIn(recipient)[0] ?? '',
      };
      expect(JSON.stringify(['crosstalk-claim', work.channel, work.identity, work.recipient])).toBe(
        codesIn(hashed)[0],
      );
      expect(claimKey(work)).toBe(codesIn(key)[0]);
    },
  );
});

describe('records', () => {
  const claim: Claim = {
    message: 'data/channels/general/hello.md',
    blob: 'a'.repeat(40) as Oid,
    recipient: 'opus',
    alias: 'mbp',
    instance: 'abcdef012345',
    run: 'abcdef0123456789',
    attempt: 1,
    nonce: '0123456789abcdef',
    effects: 'none',
  };
  const fieldsOf = (name: string): readonly string[] =>
    tableAt(page, `record: ${name}`).flatMap(([field]) => codesIn(field ?? ''));

  it('a claim has the fields of the table', () => {
    expect(Object.keys(JSON.parse(formatClaim(claim)) as object)).toEqual(fieldsOf('claim'));
  });

  it('a claim without one of them is unreadable', () => {
    for (const field of fieldsOf('claim')) {
      const record = JSON.parse(formatClaim(claim)) as Record<string, unknown>;
      const rest = Object.fromEntries(Object.entries(record).filter(([key]) => key !== field));
      expect(parseClaim(JSON.stringify(rest)), field).toBeNull();
    }
  });

  it('a beat has the fields of the table', () => {
    const { alias, instance, run } = claim;
    const base = {
      alias,
      instance,
      run,
      count: 1,
      version: '8.0.0',
      state: 'running',
      slots: 4,
      busy: 0,
      holds: 1,
    } as const;
    const text = formatBeat({
      ...base,
      models: ['opus'],
      blocked: [{ model: 'gpt', why: { kind: 'setup', detail: 'x' }, untilMs: null }],
      pollMs: 30_000,
      pushes: [0, 12],
      requires: ['external'],
      limited: 30,
      wake: null,
      atMs: 1,
    });
    expect(Object.keys(JSON.parse(text) as object)).toEqual(fieldsOf('beat'));
    expect(parseBeat(text)).not.toBeNull();
    for (const state of HOST_STATES) expect(page).toContain(`\`${state}\``);
  });

  it('control orders are named', () => {
    for (const op of CONTROL_OPS) expect(page).toContain(op);
    expect(page).toContain(`refs/crosstalk/control/${CONTROL_NAME}`);
  });

  it('refs stand where the page says', () => {
    for (const prefix of Object.values(refNames(true)) as readonly string[])
      expect(page).toContain(prefix);
    expect(
      Object.values(refNames(false)).every((prefix: string) =>
        prefix.startsWith('refs/heads/crosstalk/'),
      ),
    ).toBe(true);
  });
});

describe('when an agent fails', () => {
  const rows = tableAt(page, 'table: failures').map((cells) =>
    cells.map((cell) => cell.replaceAll('`', '')),
  );
  const failing = (failure: string, more: Partial<FailedAttempt>) =>
    decideAfterFailure({
      ...{
        failure,
        effects: 'none',
        attempt: 1,
        attemptsMax: 10,
        invocation: 1,
        hasFallback: false,
        isToldAtOnce: false,
        resetInMs: null,
      },
      ...more,
    });

  it('the table names every class', () => {
    expect(rows.map(([name]) => name)).toEqual([...FAILURE_CLASSES]);
  });

  it.each(rows.map((cells) => [cells[0] ?? '', cells] as const))(
    '%s',
    (name, [, , again = '', first = '', last = '']) => {
      const delays = (again === '' ? [] : again.split(', ')).map(parseDuration);
      delays.forEach((delayMs, index) =>
        expect(failing(name, { invocation: index + 1, attempt: index + 1 })).toEqual({
          kind: last === 'reply' ? 'retry' : 'wait',
          delayMs,
        }),
      );
      if (first === 'yes')
        expect(failing(name, { hasFallback: true })).toEqual({ kind: 'fallback' });
      const end = failing(name, { invocation: delays.length + 1, attempt: delays.length + 1 });
      expect(end).toEqual(
        last === 'reply'
          ? { kind: 'reply-failed' }
          : { kind: 'park', parkMs: parseDuration(last.replace('park ', '')) },
      );
    },
  );

  it('an external model is never started twice', () => {
    for (const failure of FAILURE_CLASSES)
      expect(failing(failure, { effects: 'external' })).toEqual({ kind: 'reply-failed' });
  });
});

describe('workflows', () => {
  const section = page.split('## Workflows')[1]?.split('\n## ')[0] ?? '';
  it('operations and results are named', () => {
    for (const op of OPS) expect(section).toContain(op);
    for (const status of END_STATUSES) expect(section).toContain(`\`${status}\``);
    expect(ENGINE).toBe(1);
  });
});

describe('the page as a whole', () => {
  it('lists the invariants that verify checks, in the same words', () => {
    expect(
      Object.fromEntries(tableAt(page, 'table: invariants').map(([id, text]) => [id, text])),
    ).toEqual(INVARIANTS);
  });

  it('speaks of the version of the code', () => {
    expect(page.split('\n')[0]).toBe(`# The crosstalk protocol, version ${PROTOCOL_VERSION}`);
    expect(readPage('template/PROTOCOL.md')).toContain(`Version ${PROTOCOL_VERSION}.`);
  });

  it('has every heading that the source refers to', () => {
    const anchors = anchorsOf(page);
    for (const entry of readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      // A comment may be wrapped anywhere.
      const text = readPage(join(entry.parentPath, entry.name)).replace(/\n \* /g, ' ');
      for (const [, heading] of text.matchAll(/PROTOCOL\.md "([^"]+)"/g))
        expect(anchors, entry.name).toContain(anchorOf(heading ?? ''));
    }
  });
});
