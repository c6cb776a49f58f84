import fc from 'fast-check';
import { decodeTime } from 'ulid';
import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { EMPTY_INDEX, type OpenIndex } from '../../src/protocol/open-work.ts';
import { decodeIndex, encodeIndex } from '../../src/protocol/index-checkpoint.ts';
import { listWork } from '../../src/protocol/list-work.ts';
import { foldChanges } from '../../src/protocol/fold-changes.ts';
import { findStart } from '../../src/protocol/find-start.ts';
import { MODELS_FILE, newMessagePath, startedPath } from '../../src/protocol/paths.ts';
import { formatStart } from '../../src/protocol/started.ts';
import { createMirror } from '../../src/transport/mirror.ts';
import { listModelNames } from '../../src/protocol/decode-models.ts';
import { readChanges } from '../../src/transport/read-changes.ts';
import { readTextAt } from '../../src/transport/read-text.ts';
import type { Repository } from '../../src/transport/repository.ts';
import { createMemoryRemote } from '../support/memory-repository.ts';

const general = 'data/channels/general';
const models =
  'models:\n  opus: { adapter: command, command: [cat] }\n  gpt: { adapter: command, command: [cat] }\n';
const ULID = '01JD5Q8Z7K3V9X2M4N6P8R0T1W';

async function world(): Promise<{
  repository: Repository;
  say: (
    tip: Oid | null,
    writes: Record<string, string>,
    removes?: readonly string[],
  ) => Promise<Oid>;
}> {
  const repository = createMemoryRemote().open();
  await Promise.resolve();
  const say = async (
    tip: Oid | null,
    writes: Record<string, string>,
    removes: readonly string[] = [],
  ): Promise<Oid> => {
    const identity = { name: 'Jane Doe', email: 'jane@example.com' };
    const draft = {
      writes: Object.entries(writes).map(([path, content]) => ({ path, content })),
      removes,
      author: identity,
      committer: identity,
      atMs: 1_000_000,
      message: 'say',
    };
    const [commit] = await repository.buildCommits(tip, [draft]);
    return commit!;
  };
  return { repository, say };
}

async function step(repository: Repository, index: OpenIndex, to: Oid): Promise<OpenIndex> {
  const models = listModelNames(await readTextAt(repository, to, MODELS_FILE));
  return foldChanges(
    index,
    await readChanges(repository, {
      refused: new Set(),
      from: index.tip,
      to,
      people: index.people,
      called: index.called,
      forged: index.forged,
      older: index.older,
      models,
    }),
  );
}

/** The index must be the same whether the history was followed commit by commit or read at once. */
async function bothWays(repository: Repository, commits: readonly Oid[]): Promise<OpenIndex> {
  let followed = EMPTY_INDEX;
  for (const commit of commits) followed = await step(repository, followed, commit);
  const atOnce = await step(repository, EMPTY_INDEX, commits.at(-1)!);
  expect([...followed.messages.values()]).toEqual(
    expect.arrayContaining([...atOnce.messages.values()]),
  );
  expect(followed.messages.size).toBe(atOnce.messages.size);
  expect([...followed.runs].sort()).toEqual([...atOnce.runs].sort());
  return atOnce;
}

const openWork = (index: OpenIndex): string[] =>
  listWork(index).map(
    ({ message, recipient }) => `${message.path.slice(general.length + 1)} ${recipient}`,
  );
const ask = (to: string, more = ''): string => `---\nto: ${to}\n${more}---\nhi\n`;
const reply = (from: string, to: string, re: string): string =>
  `---\nto: ${to}\nfrom: ${from}\nre: ${re}\nmodel: ${from}\n---\nhello\n`;

describe('the index of open work', () => {
  it('holds the marker by which one run starts another, and no other mail from the engine to itself', async () => {
    const { repository, say } = await world();
    const tip = await say(null, {
      'data/models.yaml': models,
      [`${general}/child.md`]: ask('workflow', 'from: workflow\ntype: workflow\nuses: x\n'),
      [`${general}/self.md`]: ask('workflow', 'from: workflow\n'),
      [`${general}/odd.md`]: ask('opus', 'from: opus\ntype: workflow\n'),
    });
    expect(openWork(await bothWays(repository, [tip]))).toEqual(['child.md workflow']);
  });

  it.each<[string, string | null, string, readonly string[]]>([
    ['is restored', null, '', ['note.re.opus.md gpt']],
    ['is restored and waits', null, 'wait: true\n', []],
    ['begins to wait', '', 'wait: true\n', []],
    ['no longer waits', 'wait: true\n', '', ['note.re.opus.md gpt']],
    ['cannot be read any more', '', 'hops: much\n', []],
    ['can be read again', 'hops: much\n', '', ['note.re.opus.md gpt']],
  ])('judges a reply again when what it answers %s', async (...[, before, after, open]) => {
    const { repository, say } = await world();
    const note = `${general}/note.md`;
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/note.re.opus.md`]: reply('opus', 'gpt', note),
      ...(before === null ? {} : { [note]: ask('opus', before) }),
    });
    const second = await say(first, { [note]: ask('opus', after) });
    expect(openWork(await bothWays(repository, [first, second]))).toEqual(open);
  });

  it.each([
    ['answers it no more', `${general}/elsewhere.md`, `${general}/note.md`],
    ['answers it now', `${general}/note.md`, `${general}/elsewhere.md`],
  ])('judges a reply again that is edited and %s', async (_, after, before) => {
    const { repository, say } = await world();
    const path = `${general}/note.re.opus.md`;
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/note.md`]: ask('opus'),
      [path]: reply('opus', 'gpt', before),
    });
    const second = await say(first, { [path]: reply('opus', 'gpt', after) });
    const open = after.endsWith('note.md') ? ['note.re.opus.md gpt'] : [];
    expect(openWork(await bothWays(repository, [first, second]))).toEqual(open);
  });

  it('judges the reply to a reply again when that one is restored', async () => {
    const { repository, say } = await world();
    const inner = `${general}/note.re.opus.md`;
    const outer = `${general}/note.re.opus.re.gpt.md`;
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/note.md`]: ask('opus', 'wait: true\n'),
      [outer]: reply('gpt', 'opus', `${general}/elsewhere.md`),
    });
    const second = await say(first, { [inner]: reply('opus', 'gpt', `${general}/note.md`) });
    expect(openWork(await bothWays(repository, [first]))).toEqual([
      'note.md opus',
      'note.re.opus.re.gpt.md opus',
    ]);
    expect(openWork(await bothWays(repository, [first, second]))).toEqual([]);
  });

  it('knows the runs that have begun and not ended, whatever becomes of their markers', async () => {
    const { repository, say } = await world();
    const at = (run: string, name: string): string => `data/channels/${run}/${name}`;
    const first = await say(null, {
      [at('a', 'RUN.json')]: '{}',
      [at('b', 'RUN.json')]: '{}',
      [at('c', 'steps/x/RUN.json')]: '{}',
    });
    const second = await say(first, { [at('a', 'COMPLETE')]: '{}', [at('d', 'COMPLETE')]: '{}' });
    const third = await say(second, { [at('d', 'RUN.json')]: '{}' }, [
      at('a', 'COMPLETE'),
      at('b', 'RUN.json'),
    ]);
    expect([...(await bothWays(repository, [first, second])).runs]).toEqual(['b']);
    const index = await bothWays(repository, [first, second, third]);
    expect([...index.runs]).toEqual(['a']);
    expect(decodeIndex(JSON.parse(JSON.stringify(encodeIndex(index))))).toEqual(index);
  });

  it('knows what may act outside: what says so, and git work that nothing keeps apart', async () => {
    const { repository, say } = await world();
    const kinds = {
      none: '',
      git: 'effects: git\n',
      apart: 'effects: git\nisolate: worktree\nproject: app\n',
      external: 'effects: external\n',
    };
    const files = Object.entries(kinds).map(
      ([name, more]) => [`${general}/${name}.md`, ask('opus', more)] as const,
    );
    const tip = await say(null, { 'data/models.yaml': models, ...Object.fromEntries(files) });
    const index = await bothWays(repository, [tip]);
    const outside = [...index.messages.values()]
      .filter(({ isExternal }) => isExternal)
      .map(({ path }) => path);
    expect(outside.sort()).toEqual([`${general}/external.md`, `${general}/git.md`]);
  });

  it('holds each addressed model until its reply stands, and takes author and time from the commit', async () => {
    const { repository, say } = await world();
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/a.md`]: ask('[opus, gpt]'),
      [`${general}/b.md`]: ask('opus'),
    });
    const second = await say(first, {
      [`${general}/a.re.opus.md`]: reply('opus', 'jane-doe', `${general}/a.md`),
      [`${general}/b.re.opus.md`]: 'by hand, without front matter',
    });
    const index = await bothWays(repository, [first, second]);
    expect(openWork(index)).toEqual(['a.md gpt']);
    expect(index.messages.get(`${general}/a.md`)).toMatchObject({
      from: 'jane-doe',
      timestampMs: 1_000_000,
    });
    expect([...index.rejected.keys()]).toEqual([`${general}/b.re.opus.md`]);
    const mended = await say(second, {
      [`${general}/b.re.opus.md`]: reply('ada', 'jane-doe', `${general}/b.md`),
    });
    const after = await bothWays(repository, [first, second, mended]);
    expect(after.rejected.size).toBe(0);
    const followed = await step(repository, index, mended);
    expect(followed.rejected.size).toBe(0);
  });

  it.each([
    ['no re', ''],
    ['another re', 're: other\n'],
  ])('a file at the path of an answer with %s is that answer, and wakes nobody', async (_, re) => {
    const { repository, say } = await world();
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/hello.md`]: ask('opus', 'from: gpt\n'),
    });
    const second = await say(first, { [`${general}/hello.re.opus.md`]: ask('gpt', re) });
    expect(openWork(await bothWays(repository, [first, second]))).toEqual([]);
    const third = await say(first, { [`${general}/hello.re.opus.md`]: ask('gpt', 're: hello\n') });
    expect(openWork(await bothWays(repository, [first, third]))).toEqual(['hello.re.opus.md gpt']);
  });

  it('means by "all" the models of the moment it was written', async () => {
    const { repository, say } = await world();
    const first = await say(null, { 'data/models.yaml': models });
    const second = await say(first, { [`${general}/a.md`]: ask('all') });
    const third = await say(second, {
      'data/models.yaml': `${models}  late: { adapter: command, command: [cat] }\n`,
    });
    expect(openWork(await bothWays(repository, [first, second, third]))).toEqual([
      'a.md gpt',
      'a.md opus',
    ]);
  });

  it('wakes a model by a reply to its question, never by a reply to a reply, and not when it waits itself', async () => {
    const { repository, say } = await world();
    const q = `${general}/q.md`;
    const first = await say(null, {
      'data/models.yaml': models,
      [q]: ask('gpt', 'from: opus\n'),
      [`${general}/w.md`]: ask('gpt', 'from: opus\nwait: true\n'),
    });
    const second = await say(first, {
      [`${general}/q.re.gpt.md`]: reply('gpt', 'opus', q),
      [`${general}/w.re.gpt.md`]: reply('gpt', 'opus', `${general}/w.md`),
    });
    expect(openWork(await bothWays(repository, [first, second]))).toEqual(['q.re.gpt.md opus']);
    const third = await say(second, {
      [`${general}/q.re.gpt.re.opus.md`]: reply('opus', 'gpt', `${general}/q.re.gpt.md`),
    });
    expect(openWork(await bothWays(repository, [first, second, third]))).toEqual([]);
  });

  it('opens a message again when its reply is removed, and forgets one that is removed', async () => {
    const { repository, say } = await world();
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/a.md`]: ask('opus'),
      [`${general}/a.re.opus.md`]: 'x',
      [`${general}/b.md`]: ask('opus'),
    });
    const second = await say(first, {}, [`${general}/a.re.opus.md`, `${general}/b.md`]);
    expect(openWork(await bothWays(repository, [first, second]))).toEqual(['a.md opus']);
  });

  it('closes what an older program answered at its own place, also when the question is touched later', async () => {
    const { repository, say } = await world();
    const older = (from: string, more = ''): string =>
      `---\nfrom: ${from}\nto: ada\nre: ${general}/q.md\n${more}---\nhello\n`;
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/q.md`]: ask('opus, gpt', 'from: ada\n'),
    });
    const second = await say(first, {
      [`${general}/1.md`]: older('opus'),
      // An agent tells its asker something while it works; a stranger uses the name elsewhere; a
      // person says something.
      [`${general}/2.md`]: older('gpt', 'hops: 1\n'),
      'data/channels/other/3.md': older('gpt'),
      [`${general}/4.md`]: older('grace'),
      [`${general}/5.md`]: older('gpt').replace('to: ada', 'to: grace'),
    });
    expect(openWork(await bothWays(repository, [first, second]))).toEqual(['q.md gpt']);
    const third = await say(second, {
      [`${general}/q.md`]: `${ask('opus, gpt', 'from: ada\n')}And a word more.\n`,
    });
    expect(openWork(await bothWays(repository, [first, second, third]))).toEqual(['q.md gpt']);
  });

  it('opens a message again when its answer of an older program is removed or says something else', async () => {
    const { repository, say } = await world();
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/q.md`]: ask('opus', 'from: ada\n'),
      [`${general}/a.md`]: `---\nfrom: opus\nto: ada\nre: ${general}/q.md\n---\nhello\n`,
    });
    const mirror = createMirror(repository, null);
    await mirror.pull({ tip: first, asOf: mirror.epoch() });
    expect(openWork(mirror.index())).toEqual([]);
    for (const commit of [
      await say(first, {}, [`${general}/a.md`]),
      await say(first, { [`${general}/a.md`]: '---\nfrom: opus\nto: ada\n---\nnever mind\n' }),
    ]) {
      const later = createMirror(repository, mirror.index());
      await later.pull({ tip: commit, asOf: later.epoch() });
      expect(openWork(later.index())).toEqual(['q.md opus']);
      expect(later.index().older.size).toBe(0);
    }
  });

  it.each(['copied first', 'renamed'])(
    'knows a started message again when what was answered is %s and its first path is gone',
    async (how) => {
      const { repository, say } = await world();
      const [path, copy] = [`${general}/x-${ULID}.md`, `${general}/y-${ULID}.md`];
      const text = ask('gpt', 'from: ada\n');
      const first = await say(null, { 'data/models.yaml': models, [path]: text });
      const before = createMirror(repository, null);
      await before.pull({ tip: first, asOf: before.epoch() });
      const [work] = listWork(before.index());
      const claim = {
        ...{ message: path, blob: work!.message.blob, recipient: 'gpt', alias: 'a' },
        ...{ instance: '0123456789ab', run: '0123456789abcdef', attempt: 1 },
        ...{ nonce: 'aaaaaaaaaaaaaaaa', effects: 'external' as const },
      };
      const answered = await say(first, {
        [startedPath(path, 'gpt')]: formatStart(claim, 1),
        [path.replace('.md', '.re.gpt.md')]: `---\nfrom: gpt\nre: ${path}\n---\ndone\n`,
      });
      await before.pull({ tip: answered, asOf: before.epoch() });
      const between = how === 'renamed' ? answered : await say(answered, { [copy]: text });
      await before.pull({ tip: between, asOf: before.epoch() });
      const gone = await say(between, how === 'renamed' ? { [copy]: text } : {}, [path]);
      await before.pull({ tip: gone, asOf: before.epoch() });
      const fresh = createMirror(repository, null);
      await fresh.pull({ tip: gone, asOf: fresh.epoch() });
      for (const mirror of [before, fresh]) {
        const [again] = listWork(mirror.index());
        expect(again?.message.path).toBe(copy);
        expect(findStart(mirror.index(), again!)?.by?.alias).toBe('a');
      }
    },
  );

  it('leaves a marker alone whose run an older program has ended', async () => {
    const { repository, say } = await world();
    const marker = (run: string): string =>
      ask('workflow', `from: ada\ntype: workflow\nchild_channel: ${run}\n`);
    const tip = await say(null, {
      'data/models.yaml': models,
      [`${general}/ended.md`]: marker('one'),
      [`${general}/begun.md`]: marker('two'),
      [`${general}/ours.md`]: marker('three'),
      'data/channels/one/PLAN.json': '{}',
      'data/channels/one/COMPLETE': 'done',
      'data/channels/two/PLAN.json': '{}',
      'data/channels/three/RUN.json': '{}',
      'data/channels/three/COMPLETE': '{}',
    });
    expect(openWork(await bothWays(repository, [tip]))).toEqual([
      'begun.md workflow',
      'ours.md workflow',
    ]);
  });

  it('reports a second file with the same id and never runs both', async () => {
    const { repository, say } = await world();
    const canonical = `${general}/2024/11/18/120000000Z-${ULID}.md`;
    const copy = `${general}/copies/${ULID}.md`;
    const first = await say(null, {
      'data/models.yaml': models,
      [canonical]: ask('opus'),
      [copy]: ask('opus'),
      [`${general}/Hello.md`]: ask('opus'),
      [`${general}/hello.md`]: ask('opus'),
    });
    const index = await step(repository, EMPTY_INDEX, first);
    expect(openWork(index)).toHaveLength(2);
    expect([...index.rejected.keys()].sort()).toEqual([copy, `${general}/hello.md`].sort());
  });

  it('reaches one conclusion about copies of a message, however they were added, moved, answered and removed', async () => {
    const day = `${general}/2024/11/18`;
    const paths = [
      newMessagePath('general', decodeTime(ULID), ULID),
      `${day}/aa-${ULID}.md`,
      `${general}/zz-${ULID}.md`,
    ];
    const at = (index: number): string => paths[index] ?? '';
    const does = (index: number, what: string) => ({ at: at(index), what, to: at(0) });
    const asks = (index: number, whom: string) => does(index, whom);
    const act = fc.record({
      at: fc.constantFrom(...paths),
      what: fc.constantFrom(
        'opus',
        'sonnet',
        'opus, sonnet',
        'reply opus',
        'reply sonnet',
        'remove',
        'move',
      ),
      to: fc.constantFrom(...paths),
    });
    const open = (index: OpenIndex): string[] =>
      listWork(index)
        .map(
          ({ message, recipient, twinOf }) =>
            `${message.path} ${recipient}${twinOf === null ? '' : ' twin'}`,
        )
        .sort();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(act, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 }),
        async (commits) => {
          const { repository, say } = await world();
          let tip = await say(null, { 'data/models.yaml': models });
          const follower = createMirror(repository, null);
          const files = new Map<string, string>();
          for (const acts of commits) {
            const before = new Map(files);
            for (const { at, what, to } of acts) {
              const text = files.get(at);
              if (what === 'remove' || what === 'move') files.delete(at);
              if (what === 'move' && text !== undefined) files.set(to, text);
              const by = what.replace('reply ', '');
              if (what.startsWith('reply')) {
                if (text !== undefined)
                  files.set(`${at.slice(0, -3)}.re.${by}.md`, reply(by, 'ada', at));
              } else if (what !== 'remove' && what !== 'move')
                files.set(at, ask(what, 'from: ada\n'));
            }
            const removes = [...before.keys()].filter((path) => !files.has(path));
            tip = await say(
              tip,
              Object.fromEntries([...files].filter(([path, text]) => before.get(path) !== text)),
              removes,
            );
            await follower.pull({ tip, asOf: follower.epoch() });
            const newcomer = createMirror(repository, null);
            await newcomer.pull({ tip, asOf: 0 });
            expect([[...files.keys()], open(follower.index())]).toEqual([
              [...files.keys()],
              open(newcomer.index()),
            ]);
          }
        },
      ),
      {
        numRuns: 150,
        // Two copies that are answered, neither where a dispatcher would have put it; and one that
        // comes back to the answer it had.
        examples: [
          [
            [
              [asks(1, 'opus'), asks(2, 'opus')],
              [does(1, 'reply sonnet'), does(2, 'reply opus')],
              [asks(1, 'opus, sonnet')],
            ],
          ],
          [
            [
              [asks(2, 'opus'), does(2, 'reply opus')],
              [asks(1, 'opus')],
              [does(1, 'reply opus'), asks(0, 'opus, sonnet')],
              [does(1, 'remove'), { ...does(0, 'move'), to: at(2) }],
              [asks(1, 'opus, sonnet')],
            ],
          ],
        ],
      },
    );
  });

  it('reports files that are not messages with the reason, and delays nobody for them', async () => {
    const { repository, say } = await world();
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/bad.md`]: '---js\nx\n---\n',
      [`${general}/notes.txt`]: 'x',
      'data/channels/UPPER/a.md': ask('opus'),
      [`${general}/good.md`]: ask('opus'),
    });
    const index = await bothWays(repository, [first]);
    expect(openWork(index)).toEqual(['good.md opus']);
    expect([...index.rejected.keys()]).toEqual(['data/channels/UPPER/a.md', `${general}/bad.md`]);
  });

  it('drops mail to people, keeps names that nobody knows, and finds old mail when a person becomes a model', async () => {
    const { repository, say } = await world();
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/a.md`]: ask('opus', 'from: maria\n'),
    });
    const second = await say(first, {
      [`${general}/b.md`]: ask('maria'),
      [`${general}/c.md`]: ask('ops'),
    });
    const index = await step(repository, await step(repository, EMPTY_INDEX, first), second);
    expect(openWork(index)).toEqual(['a.md opus', 'c.md ops']);
    const third = await say(second, { [`${general}/d.md`]: ask('opus', 'from: ops\n') });
    expect(openWork(await step(repository, index, third))).toEqual(['a.md opus', 'd.md opus']);
    expect(openWork(await step(repository, EMPTY_INDEX, third))).toEqual([
      'a.md opus',
      'd.md opus',
    ]);
  });

  it('keeps a workflow open while its tasks, which come from it, go in and out', async () => {
    const { repository, say } = await world();
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/w.md`]: ask('workflow', 'type: workflow\n'),
    });
    const second = await say(first, {
      'data/channels/run/steps/a/one/task.md': ask('opus', 'from: workflow\n'),
    });
    const index = await bothWays(repository, [first, second]);
    expect([...index.messages.keys()]).toEqual([
      'data/channels/general/w.md',
      'data/channels/run/steps/a/one/task.md',
    ]);
    expect(index.people.has('workflow')).toBe(false);
  });

  it('takes no model that only its host knows for a person because it asks or sends', async () => {
    const { repository, say } = await world();
    const first = await say(null, {
      'data/models.yaml': models,
      [`${general}/a.md`]: ask('maria', 'from: local\nhops: 1\nasks: permission\n'),
    });
    const second = await say(first, { [`${general}/b.md`]: ask('local', 'from: maria\n') });
    expect(openWork(await bothWays(repository, [first, second]))).toContain('b.md local');
  });

  it('closes a message that another one asks again', async () => {
    const { repository, say } = await world();
    const first = await say(null, { 'data/models.yaml': models, [`${general}/a.md`]: ask('opus') });
    const second = await say(first, {
      [`${general}/b.md`]: ask('opus', `retries: ${general}/a.md\n`),
    });
    expect(openWork(await bothWays(repository, [first, second]))).toEqual(['b.md opus']);
  });
});
