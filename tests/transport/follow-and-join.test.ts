/**
 * A host that follows the branch and one that joins it know the same, whatever is pushed between
 * two looks: the index is of the tree alone.
 */
import fc from 'fast-check';
import { decodeTime } from 'ulid';
import { expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { findStart } from '../../src/protocol/find-start.ts';
import { listWork } from '../../src/protocol/list-work.ts';
import type { OpenIndex } from '../../src/protocol/open-work.ts';
import { MODELS_FILE, newMessagePath, replyPath, startedPath } from '../../src/protocol/paths.ts';
import { formatStart } from '../../src/protocol/started.ts';
import { createMirror } from '../../src/transport/mirror.ts';
import { createMemoryRemote } from '../support/memory-repository.ts';

const ULID = '01JD5Q8Z7K3V9X2M4N6P8R0T1W';
const general = 'data/channels/general';
const PATHS = [
  newMessagePath('general', decodeTime(ULID), ULID),
  `${general}/aa-${ULID}.md`,
  `${general}/Hello.md`,
  `${general}/hello.md`,
  `${general}/day/x.md`,
  'data/channels/other/x.md',
];
const MODELS = [
  ['opus', 'sonnet'],
  ['opus'],
  ['opus', 'sonnet', 'ada'],
  ['sonnet', 'haiku'],
  [],
].map((names) =>
  ['models:', ...names.map((name) => `  ${name}: { adapter: command, command: [cat] }`), ''].join(
    '\n',
  ),
);
const WHOM = ['opus', 'sonnet', 'ada', 'opus, sonnet', 'all', 'workflow'];
const NAMES = ['opus', 'sonnet', 'ada'];

const somewhere = fc.constantFrom(...PATHS);
const somebody = fc.constantFrom(...NAMES);
const nothing = fc.constant(null);

const act = fc.oneof(
  fc.record({
    what: fc.constant('ask' as const),
    at: somewhere,
    to: fc.constantFrom(...WHOM),
    from: fc.option(fc.constant('ada')),
    re: fc.option(somewhere),
    retries: fc.oneof({ weight: 3, arbitrary: nothing }, somewhere),
    wait: fc.boolean(),
  }),
  fc.record({
    what: fc.constant('reply' as const),
    at: somewhere,
    by: fc.constantFrom('opus', 'sonnet'),
    to: somebody,
    re: fc.oneof({ weight: 3, arbitrary: nothing }, somewhere),
  }),
  fc.record({ what: fc.constantFrom('note', 'broken'), at: somewhere }),
  fc.record({ what: fc.constantFrom('unanswer', 'under', 'mark'), at: somewhere, by: somebody }),
  fc.record({ what: fc.constant('remove' as const), at: somewhere }),
  fc.record({ what: fc.constant('move' as const), at: somewhere, to: somewhere }),
  fc.record({ what: fc.constant('models' as const), which: fc.nat({ max: MODELS.length - 1 }) }),
  fc.record({
    what: fc.constant('archive' as const),
    channel: fc.constantFrom('general', 'other'),
  }),
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;
type Files = Map<string, string>;

const lines = (fields: Record<string, string | null>): string =>
  Object.entries(fields)
    .flatMap(([key, value]) => (value === null ? [] : `${key}: ${value}\n`))
    .join('');

function act1(files: Files, one: Act): void {
  if (one.what === 'ask') {
    const { to, from, re, retries, wait } = one;
    const head = lines({ to, from, re, retries, wait: wait ? 'true' : null });
    files.set(one.at, `---\n${head}---\nhi\n`);
  } else if (one.what === 'reply') {
    const { at, by, to } = one;
    const head = lines({ from: by, to, re: one.re ?? at, model: by });
    files.set(replyPath(at, by), `---\n${head}---\ndone\n`);
  } else if (one.what === 'models') files.set(MODELS_FILE, MODELS[one.which] ?? '');
  else if (one.what === 'archive') {
    const mark = `data/channels/${one.channel}/ARCHIVED`;
    if (!files.delete(mark)) files.set(mark, 'archived\n');
  } else actOn(files, one);
}

function actOn(files: Files, one: Extract<Act, { at: string }>): void {
  const text = files.get(one.at);
  if (one.what === 'note') files.set(one.at, 'no message\n');
  else if (one.what === 'broken') files.set(one.at, '---\nto: [opus\n---\n');
  else if (one.what === 'unanswer') files.delete(replyPath(one.at, (one as { by: string }).by));
  else if (one.what === 'under')
    files.set(`${replyPath(one.at, (one as { by: string }).by)}/x`, 'x\n');
  else if (one.what === 'mark') {
    const recipient = (one as { by: string }).by;
    const claim = {
      ...{ message: one.at, blob: 'a'.repeat(40) as Oid, recipient, alias: 'a' },
      ...{ instance: '0123456789ab', run: '0123456789abcdef', attempt: 1 },
      ...{ nonce: 'aaaaaaaaaaaaaaaa', effects: 'external' as const },
    };
    files.set(startedPath(one.at, recipient), formatStart(claim, 1));
  } else {
    files.delete(one.at);
    if (one.what === 'move' && text !== undefined) files.set((one as { to: string }).to, text);
  }
}

/** A folder at a file's place takes the file's. */
function settle(files: Files): void {
  for (const path of [...files.keys()])
    if ([...files.keys()].some((other) => other.startsWith(`${path}/`))) files.delete(path);
}

function known(index: OpenIndex): readonly string[] {
  return listWork(index)
    .map((work) => {
      const { key, message, recipient, twinOf } = work;
      const started = findStart(index, work) === null ? '' : ' started';
      return `${message.path} ${recipient} ${twinOf ?? key}${started}`;
    })
    .sort();
}

const [canonical = '', copy = '', upper = '', lower = '', , other = ''] = PATHS;
const ask = (at: string, more: Partial<Act> = {}): Act =>
  ({
    what: 'ask',
    at,
    to: 'opus',
    from: null,
    re: null,
    retries: null,
    wait: false,
    ...more,
  }) as Act;

/** What two hosts did not agree about. */
const DISAGREED: readonly (readonly (readonly Act[])[])[] = [
  [[ask(upper)], [{ what: 'under', at: lower, by: 'opus' }]],
  [[ask(copy)], [{ what: 'note', at: canonical }]],
  [[ask(copy)], [ask(canonical, { to: 'ada' })]],
  [[ask(lower), ask(other, { retries: lower })], [ask(other)]],
  [
    [ask(lower), ask(other, { to: 'ada', retries: lower })],
    [{ what: 'archive', channel: 'other' }],
  ],
  [[{ what: 'reply', at: lower, by: 'opus', to: 'ada', re: null }], [{ what: 'models', which: 2 }]],
  [[ask(lower, { to: 'all' })], [{ what: 'models', which: 2 }], [{ what: 'models', which: 0 }]],
  [
    [ask(lower), { what: 'reply', at: lower, by: 'opus', to: 'ada', re: null }, ask(upper)],
    [{ what: 'unanswer', at: lower, by: 'opus' }],
  ],
];

it('is the same for a host that follows and for one that joins', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(act, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 }),
      async (commits) => {
        const repository = createMemoryRemote().open();
        const follower = createMirror(repository, null);
        const files: Files = new Map([
          [MODELS_FILE, MODELS[0] ?? ''],
          // Who has written is a person for as long as something they wrote stands.
          ['data/channels/people/ada.md', '---\nfrom: ada\nto: ada\n---\nhi\n'],
        ]);
        let before: ReadonlyMap<string, string> = new Map();
        let tip: Oid | null = null;
        for (const acts of commits) {
          for (const one of acts) act1(files, one);
          settle(files);
          const identity = { name: 'Jane Doe', email: 'jane@example.com' };
          const [built] = await repository.buildCommits(tip, [
            {
              writes: [...files].flatMap(([path, content]) =>
                before.get(path) === content ? [] : [{ path, content }],
              ),
              removes: [...before.keys()].filter((path) => !files.has(path)),
              ...{ author: identity, committer: identity, atMs: 1_000_000, message: 'say' },
            },
          ]);
          tip = built ?? null;
          before = new Map(files);
          await follower.pull({ tip, asOf: follower.epoch() });
          const newcomer = createMirror(repository, null);
          await newcomer.pull({ tip, asOf: 0 });
          expect([[...files.keys()], known(follower.index())]).toEqual([
            [...files.keys()],
            known(newcomer.index()),
          ]);
        }
      },
    ),
    {
      numRuns: Number(process.env['RUNS'] ?? 100),
      examples: DISAGREED.map((commits) => [commits.map((acts) => [...acts])]),
    },
  );
});

it.each([
  ['one that nobody has named', ['opus', 'sonnet', 'haiku'], false],
  ['one that is asked and has not been a model', ['opus', 'sonnet', 'gpt'], false],
  ['another name of one that nobody has written to', ['opus', 'sonata'], false],
  ['one that writes as a person', ['opus', 'sonnet', 'ada'], true],
  ['one to whom a reply was', ['opus', 'sonnet', 'grace'], true],
])(
  '%s comes to the models: everything is read again only where it matters',
  async (_, names, isRead) => {
    const memory = createMemoryRemote().open();
    const wholes: Oid[] = [];
    const walk: typeof memory.walk = (range) => {
      if (range.from === null) wholes.push(range.to);
      return memory.walk(range);
    };
    const mirror = createMirror({ ...memory, walk }, null);
    const models = (list: readonly string[]): string =>
      [
        'models:',
        ...list.map((name) => `  ${name}: { adapter: command, command: [cat] }`),
        '',
      ].join('\n');
    const identity = { name: 'Jane Doe', email: 'jane@example.com' };
    const commit = async (
      parent: Oid | null,
      files: Readonly<Record<string, string>>,
    ): Promise<Oid> => {
      const writes = Object.entries(files).map(([path, content]) => ({ path, content }));
      const who = { author: identity, committer: identity, atMs: 1_000_000, message: 'say' };
      const [built] = await memory.buildCommits(parent, [{ writes, removes: [], ...who }]);
      await mirror.pull({ tip: built ?? null, asOf: mirror.epoch() });
      return built!;
    };
    const first = await commit(null, {
      [MODELS_FILE]: models(['opus', 'sonnet']),
      [lower]: '---\nfrom: ada\nto: opus\n---\nhi\n',
      [replyPath(lower, 'opus')]:
        `---\nfrom: opus\nto: grace\nre: ${lower}\nmodel: opus\n---\nhi\n`,
      [other]: '---\nfrom: ada\nto: [gpt, all]\n---\nhi\n',
    });
    wholes.length = 0;
    await commit(first, { [MODELS_FILE]: models(names) });
    expect(wholes.length > 0).toBe(isRead);
  },
);
