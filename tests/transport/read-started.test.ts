/** Marks of started agents, as hosts that follow the branch and hosts that join later know them. */
import fc from 'fast-check';
import { decodeTime } from 'ulid';
import { describe, expect, it } from 'vitest';
import { findStart } from '../../src/protocol/find-start.ts';
import { listWork, type Work } from '../../src/protocol/list-work.ts';
import { MODELS_FILE, newMessagePath, replyPath, startedPath } from '../../src/protocol/paths.ts';
import { formatStart } from '../../src/protocol/started.ts';
import { createMirror, type Mirror } from '../../src/transport/mirror.ts';
import { createMemoryRemote } from '../support/memory-repository.ts';

const ULID = '01JD5Q8Z7K3V9X2M4N6P8R0T1W';
const general = 'data/channels/general';
const PATHS = [
  newMessagePath('general', decodeTime(ULID), ULID),
  `${general}/aa-${ULID}.md`,
  `${general}/zz-${ULID.toLowerCase()}.md`,
  `${general}/Hello.md`,
  `${general}/hello.md`,
  `${general}/HELLO.md`,
  `${general}/Day/é.md`,
  `${general}/day/e\u0301.md`,
];
const NAMES = ['opus', 'sonnet'];
type Files = Map<string, string>;

const MODELS = `models:\n${NAMES.map((name) => `  ${name}: { adapter: command, command: [cat] }\n`).join('')}`;

interface Act {
  readonly at: string;
  readonly what: 'opus' | 'opus, sonnet' | 'no message' | 'remove' | 'unanswer' | 'move' | 'models';
  readonly to: string;
}

interface Step {
  readonly acts: readonly Act[];
  readonly isStarted: boolean;
  readonly isAnswered: boolean;
}

/** What was started and answered becomes no message, then its copy comes: it was started. */
const REJUDGED: readonly Step[] = [
  { acts: [{ at: PATHS[1] ?? '', what: 'opus', to: '' }], isStarted: true, isAnswered: true },
  ...[
    { at: PATHS[1] ?? '', what: 'no message' as const, to: '' },
    { at: PATHS[0] ?? '', what: 'opus' as const, to: '' },
  ].map((one) => ({ acts: [one], isStarted: false, isAnswered: false })),
];

/** What a person does to the files. Marks are left alone: one that is removed tells nothing. */
function act(files: Files, { at, what, to }: Act): void {
  const text = files.get(at);
  if (what === 'models')
    files.set(MODELS_FILE, files.get(MODELS_FILE) === MODELS ? 'models: {}\n' : MODELS);
  else if (what === 'unanswer') for (const name of NAMES) files.delete(replyPath(at, name));
  else if (what === 'remove' || what === 'move') {
    files.delete(at);
    if (what === 'move' && text !== undefined) files.set(to, text);
  } else if (what === 'no message') files.set(at, 'no message\n');
  else files.set(at, `---\nto: ${what}\nfrom: ada\n---\nhi ${what}\n`);
}

/** What hosts do then: start what nobody has started, as far as the mirror knows, and answer it. */
function start(files: Files, work: Work, isAnswered: boolean): void {
  const { message, recipient } = work;
  const claim = {
    ...{ message: message.path, blob: message.blob, recipient, alias: 'a' },
    ...{ instance: '0123456789ab', run: '0123456789abcdef', attempt: 1 },
    ...{ nonce: 'aaaaaaaaaaaaaaaa', effects: 'external' as const },
  };
  files.set(startedPath(message.path, recipient), formatStart(claim, 1));
  if (isAnswered)
    files.set(
      replyPath(message.path, recipient),
      `---\nfrom: ${recipient}\nre: ${message.path}\n---\ndone\n`,
    );
}

const startable = (mirror: Mirror): readonly Work[] =>
  listWork(mirror.index()).filter(
    (work) =>
      work.twinOf === null &&
      NAMES.includes(work.recipient) &&
      findStart(mirror.index(), work) === null,
  );
const nameOf = ({ message, recipient }: Work): string => `${message.path} ${recipient}`;

describe('a piece of work that was started', () => {
  it('is known for as long as its mark stands, whatever becomes of its message, its copies and its answer', async () => {
    const acts = fc.record({
      at: fc.constantFrom(...PATHS),
      what: fc.constantFrom(
        'opus',
        'opus, sonnet',
        'no message',
        'remove',
        'unanswer',
        'move',
        'models',
      ),
      to: fc.constantFrom(...PATHS),
    });
    const step = fc.record({
      acts: fc.array(acts, { minLength: 1, maxLength: 3 }),
      isStarted: fc.boolean(),
      isAnswered: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        const repository = createMemoryRemote().open();
        let tip: Awaited<ReturnType<typeof repository.buildCommits>>[number] | null = null;
        const follower = createMirror(repository, null);
        const files: Files = new Map([[MODELS_FILE, MODELS]]);
        let before: ReadonlyMap<string, string> = new Map();
        const commit = async (): Promise<void> => {
          const identity = { name: 'Jane Doe', email: 'jane@example.com' };
          const [built] = await repository.buildCommits(tip, [
            {
              writes: [...files].flatMap(([path, content]) =>
                before.get(path) === content ? [] : [{ path, content }],
              ),
              removes: [...before.keys()].filter((path) => !files.has(path)),
              author: identity,
              committer: identity,
              atMs: 1_000_000,
              message: 'say',
            },
          ]);
          tip = built ?? null;
          before = new Map(files);
          await follower.pull({ tip, asOf: follower.epoch() });
        };
        const started = new Map<string, string>();
        let isReadable = true;
        for (const { acts: done, isStarted, isAnswered } of steps) {
          for (const one of done) act(files, one);
          await commit();
          const newcomer = createMirror(repository, null);
          await newcomer.pull({ tip, asOf: 0 });
          isReadable &&= done.every(({ what }) => what !== 'no message');
          if (isReadable)
            expect(startable(follower).map(nameOf)).toEqual(startable(newcomer).map(nameOf));
          for (const { key, message } of [...startable(follower), ...startable(newcomer)])
            expect([message.path, started.get(key)]).toEqual([message.path, undefined]);
          for (const work of startable(follower)) {
            if (!isStarted) continue;
            started.set(work.key, work.message.path);
            start(files, work, isAnswered);
          }
          await commit();
        }
      }),
      {
        numRuns: Number(process.env['RUNS'] ?? 150),
        examples: [[[...REJUDGED]]],
      },
    );
  });

  const AT = `${general}/Hello.md`;
  const NEW = 'data/channels/other/Hello.md';
  const [TEXT, EDITED] = ['---\nto: opus\nfrom: ada\n---\nhi\n', '---\nto: opus\n---\nmore\n'];
  it.each<{
    readonly how: string;
    readonly isAnswered: boolean;
    readonly path: string;
    readonly text: string;
    readonly isStarted: boolean;
  }>([
    { how: 'moved without its answer', isAnswered: true, path: NEW, text: TEXT, isStarted: true },
    {
      ...{ how: 'moved under another name', isAnswered: false },
      ...{ path: `${general}/day/x.md`, text: TEXT, isStarted: true },
    },
    {
      ...{ how: 'moved and edited while it ran', isAnswered: false },
      ...{ path: NEW, text: EDITED, isStarted: true },
    },
    {
      ...{ how: 'removed while it ran, with another message elsewhere', isAnswered: false },
      ...{ path: `${general}/x.md`, text: EDITED, isStarted: false },
    },
    {
      ...{ how: 'moved and edited after its answer', isAnswered: true },
      ...{ path: NEW, text: EDITED, isStarted: false },
    },
  ])('is $how', async ({ isAnswered, path, text, isStarted }) => {
    const repository = createMemoryRemote().open();
    const follower = createMirror(repository, null);
    const identity = { name: 'Jane Doe', email: 'jane@example.com' };
    let tip: Awaited<ReturnType<typeof repository.buildCommits>>[number] | null = null;
    const commit = async (files: Files, removes: readonly string[] = []): Promise<void> => {
      const writes = [...files].map(([at, content]) => ({ path: at, content }));
      const said = { author: identity, committer: identity, atMs: 1_000_000, message: 'say' };
      tip = (await repository.buildCommits(tip, [{ writes, removes, ...said }]))[0] ?? null;
      await follower.pull({ tip, asOf: follower.epoch() });
    };
    await commit(new Map([...[[MODELS_FILE, MODELS] as const], [AT, TEXT] as const]));
    const files: Files = new Map();
    start(files, startable(follower)[0]!, isAnswered);
    await commit(files);
    await commit(new Map([[path, text]]), [AT]);
    const newcomer = createMirror(repository, null);
    await newcomer.pull({ tip, asOf: 0 });
    for (const mirror of [follower, newcomer])
      expect(startable(mirror).map(nameOf)).toEqual(isStarted ? [] : [`${path} opus`]);
  });
});
