/**
 * Anyone who can push chooses how many, how long and how equal things are. Twice as much of
 * anything is about twice the work, for the tick that reads it and for the ones after it; steps are
 * counted, never time.
 */
import { encodeTime } from 'ulid';
import { expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { dropAcked } from '../../src/cli/look/acks.ts';
import { readThread } from '../../src/dispatcher/read-thread.ts';
import { ackPath } from '../../src/protocol/acks.ts';
import { formatBeat } from '../../src/protocol/beat.ts';
import { formatClaim } from '../../src/protocol/claim.ts';
import { findStart } from '../../src/protocol/find-start.ts';
import { decodeMessage } from '../../src/protocol/message.ts';
import { listWork } from '../../src/protocol/list-work.ts';
import {
  claimKey,
  elsewhere,
  identityOf,
  newMessagePath,
  parseMessagePath,
  replyPath,
  startedPath,
} from '../../src/protocol/paths.ts';
import { createMirror } from '../../src/transport/mirror.ts';
import type { Repository } from '../../src/transport/repository.ts';
import { checkWorkflow } from '../../src/workflow/language/check.ts';
import { nextTransition } from '../../src/workflow/run/engine.ts';
import { createHost, startProcess } from '../simulation/host.ts';
import { drawsOf, QUIET } from '../simulation/plan.ts';
import { BRANCH, createWorld, REFS, type World as SimulatedWorld } from '../simulation/world.ts';
import { inputOf, openTasks, post, reply, settle, world } from '../workflow/drive.ts';
import { growth } from '../support/count-steps.ts';
import { createMemoryRemote } from '../support/memory-repository.ts';

/** In proportion to n · log n, with something to spare; the square would be 2. */
const GROWTH_MAX = 1.15;
const AT_MS = Date.UTC(2026, 10, 21, 6);
const MODELS = 'models:\n  opus: { adapter: command, command: [cat] }\n';
const WHO = { name: 'Jane Doe', email: 'jane@example.com' };

type Files = Readonly<Record<string, string | null>>;

/** What was there before, and what one commit changes. */
interface Pushed {
  readonly before?: Files;
  readonly files: Files;
}

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
const message = (n: number, channel = 'general'): string =>
  newMessagePath(channel, AT_MS + n, `${encodeTime(AT_MS + n)}0000000000000000`);
const copy = (n: number): string =>
  `data/channels/general/copies/${n}/${message(0).split('/').at(-1)!}`;
const ask = (to: string, more = ''): string => `---\nto: ${to}\nfrom: jane\n${more}---\nhi\n`;
const answer = (re: string, to = 'jane'): string =>
  `---\nto: ${to}\nfrom: opus\nre: ${re}\nmodel: opus\n---\nhello\n`;
const many = (
  count: number,
  file: (
    n: number,
  ) => readonly [string, string | null] | readonly (readonly [string, string | null])[],
): Files =>
  Object.fromEntries(
    numbers(count).flatMap((n) => {
      const made = file(n);
      return typeof made[0] === 'string' ? [made as readonly [string, string | null]] : made;
    }) as readonly (readonly [string, string | null])[],
  );

const SIZES: Readonly<Record<string, (n: number) => Pushed>> = {
  'messages of one commit': (n) => ({ files: many(n, (at) => [message(at), ask('opus')]) }),
  'answered messages of one folder': (n) => ({
    files: many(n, (at) => [
      [message(at), ask('opus')],
      [replyPath(message(at), 'opus'), answer(message(at))],
    ]),
  }),
  'answers that come after their messages': (n) => ({
    before: many(n, (at) => [message(at), ask('opus')]),
    files: many(n, (at) => [replyPath(message(at), 'opus'), answer(message(at))]),
  }),
  'copies of one message': (n) => ({ files: many(n, (at) => [copy(at), ask('opus')]) }),
  'copies of one message that are answered later': (n) => ({
    before: many(n, (at) => [copy(at), ask('opus')]),
    files: many(n, (at) => [replyPath(copy(at), 'opus'), answer(copy(at))]),
  }),
  'copies in as many channels': (n) => ({
    files: many(n, (at) => [copy(at).replace('general', `c${at}`), ask('opus')]),
  }),
  'copies in as many channels that are answered later': (n) => ({
    before: many(n, (at) => [copy(at).replace('general', `c${at}`), ask('opus')]),
    files: many(n, (at) => {
      const path = copy(at).replace('general', `c${at}`);
      return [replyPath(path, 'opus'), answer(path)];
    }),
  }),
  'equal files': (n) => ({
    files: many(n, (at) => [`data/channels/general/${at}.md`, 'no front matter\n']),
  }),
  'recipients of one message': (n) => ({
    files: {
      [message(0)]: ask(
        `[${numbers(n)
          .map((at) => `m${at}`)
          .join(', ')}]`,
      ),
    },
  }),
  'answers of the recipients of one message': (n) => ({
    before: {
      [message(0)]: ask(
        `[${numbers(n)
          .map((at) => `m${at}`)
          .join(', ')}]`,
      ),
    },
    files: many(n, (at) => [replyPath(message(0), `m${at}`), answer(message(0))]),
  }),
  'recipients that turn out to be people': (n) => ({
    before: {
      [message(0)]: ask(
        `[${numbers(n)
          .map((at) => `m${at}`)
          .join(', ')}]`,
      ),
    },
    files: many(n, (at) => [message(at + 1), ask('opus').replace('jane', `m${at}`)]),
  }),
  'models, and one message to all of them': (n) => ({
    files: {
      'data/models.yaml': `models:\n${numbers(n)
        .map((at) => `  m${at}: { adapter: command, command: [cat] }\n`)
        .join('')}`,
      [message(0)]: ask('all'),
    },
  }),
  'messages to all': (n) => ({ files: many(n, (at) => [message(at), ask('all')]) }),
  'paths in `re:`': (n) => ({
    files: {
      [message(0)]: ask(
        'opus',
        `re: [${numbers(n)
          .map((at) => message(at + 1))
          .join(', ')}]\n`,
      ),
    },
  }),
  'answers of older programs to what each names': (n) => ({
    before: many(n, (at) => [message(at), ask('opus')]),
    files: many(n, (at) => [
      message(at + n),
      `---\nto: jane\nfrom: opus@mbp\nre: ${message(at)}\n---\nhello\n`,
    ]),
  }),
  'messages that each ask the one before again': (n) => ({
    files: many(n, (at) => [
      message(at),
      ask('opus', at === 0 ? '' : `retries: ${message(at - 1)}\n`),
    ]),
  }),
  'a thread that grows by answers to a model': (n) => ({
    files: many(n, (at) => [
      [message(at), ask('jane').replace('from: jane', 'from: opus')],
      [replyPath(message(at), 'jane'), answer(message(at), 'opus').replace('model: opus\n', '')],
    ]),
  }),
  channels: (n) => ({ files: many(n, (at) => [message(at, `c${at}`), ask('opus')]) }),
  'marks of started agents': (n) => ({
    files: many(n, (at) => [
      [message(at), ask('opus')],
      [startedPath(`data/channels/general/gone-${at}.md`, 'opus'), 'x\n'],
    ]),
  }),
  attachments: (n) => ({
    files: many(n, (at) => [`${message(0).slice(0, -3)}.files/${at}.txt`, 'x']),
  }),
  'open and ended runs': (n) => ({
    files: many(n, (at) => [
      [`data/channels/c${at}/RUN.json`, '{}'],
      [`data/channels/c${at}/COMPLETE`, '{}'],
    ]),
  }),
  'names of people': (n) => ({
    files: many(n, (at) => [message(at), ask('opus').replace('jane', `person${at}`)]),
  }),
  'messages that are removed': (n) => ({
    before: many(n, (at) => [message(at), ask('opus')]),
    files: many(n, (at) => [message(at), null]),
  }),
  'answers that are removed': (n) => ({
    before: many(n, (at) => [
      [message(at), ask('opus')],
      [replyPath(message(at), 'opus'), answer(message(at))],
    ]),
    files: many(n, (at) => [replyPath(message(at), 'opus'), null]),
  }),
  'messages moved away from where their ids say': (n) => ({
    before: {},
    files: many(n, (at) => [
      `data/channels/general/x/${message(at).split('/').at(-1)!}`,
      ask('opus'),
    ]),
  }),
  'channels that are archived by hand': (n) => ({
    before: many(n, (at) => [message(at, `c${at}`), ask('opus')]),
    files: many(n, (at) => [`data/channels/c${at}/ARCHIVED`, '']),
  }),
};

it.each(Object.entries(SIZES))('%s: twice as many are about twice the work', async (_, push) => {
  expect(
    await growth(32, async (n) => {
      const { before, files } = push(n);
      const { repository, commit } = host();
      const first =
        before === undefined ? null : await commit(null, { 'data/models.yaml': MODELS, ...before });
      const second = await commit(
        first,
        first === null ? { 'data/models.yaml': MODELS, ...files } : files,
      );
      const mirror = createMirror(repository, null);
      if (first !== null) await mirror.pull({ tip: first, asOf: mirror.epoch() });
      return async () => {
        await mirror.pull({ tip: second, asOf: mirror.epoch() });
        for (const work of listWork(mirror.index())) findStart(mirror.index(), work);
      };
    }),
  ).toBeLessThan(GROWTH_MAX);
});

const HEADS: Readonly<Record<string, (n: number) => string>> = {
  'blank lines': (n) => `to: opus\n${'\n'.repeat(n)}`,
  'blank lines that YAML has to read': (n) => `to: &a opus\n${'\n'.repeat(n)}`,
  comments: (n) => `to: opus\n${'# x\n'.repeat(n)}`,
  'unknown keys': (n) =>
    `to: opus\n${numbers(n)
      .map((at) => `key${at}: x\n`)
      .join('')}`,
  'items of a list': (n) =>
    `to: opus\nfiles:\n${numbers(n)
      .map((at) => `  - a/${at}\n`)
      .join('')}`,
  'recipients that are none': (n) =>
    `to: [${numbers(n)
      .map((at) => `"?${at}"`)
      .join(', ')}]\n`,
  'names with commas': (n) =>
    `to: "${numbers(n)
      .map((at) => `m${at}`)
      .join(', ')}"\n`,
  'nested flow lists': (n) => `to: opus\nx: [${'[], '.repeat(n)}]\n`,
};

it.each(Object.entries(HEADS))(
  'a head with %s: twice as many are about twice the work',
  async (_, head) => {
    expect(
      await growth(64, (n) => {
        const bytes = Buffer.from(`---\n${head(n)}---\nhi\n`);
        return Promise.resolve(() => decodeMessage(bytes));
      }),
    ).toBeLessThan(GROWTH_MAX);
  },
);

const RUNS: Readonly<Record<string, (n: number) => string>> = {
  'steps one after the other': (n) =>
    `steps:\n${numbers(n)
      .map((at) => `  s${at}: { prompt: x, needs: [${at === 0 ? '' : `s${at - 1}`}] }\n`)
      .join('')}`,
  'steps that each read the one before': (n) =>
    `steps:\n${numbers(n)
      .map((at) =>
        at === 0
          ? '  s0: { value: 1 }\n'
          : `  s${at}: { value: "\${{ steps.s${at - 1}.json }}", needs: [s${at - 1}] }\n`,
      )
      .join('')}  end: { prompt: "\${{ steps.s0.text }}", needs: [s${n - 1}] }\n`,
  'steps that each read what the run has spent': (n) =>
    `steps:\n${numbers(n)
      .map((at) =>
        at === 0
          ? '  s0: { prompt: x }\n'
          : `  s${at}: { value: "\${{ run.usd }}", needs: [s${at - 1}] }\n`,
      )
      .join('')}  end: { prompt: "\${{ run.usd }}", needs: [s${n - 1}] }\n`,
  'items of a step': (n) =>
    `steps:\n  all: { each: [${numbers(n).join(', ')}], prompt: "\${{ item }}" }\n`,
  'words of a schema': (n) =>
    `steps:\n  s: { prompt: x, schema: { type: object, properties: { ${numbers(n)
      .map((at) => `p${at}: { type: string }`)
      .join(', ')} } } }\n`,
};

it.each(Object.entries(RUNS))(
  'a run with %s: twice as many are about twice the work',
  async (_, head) => {
    expect(
      await growth(8, (n) => {
        const at = world(`model: opus\nmax-parallel: ${n}\n${head(n)}`, () => null);
        settle(at);
        expect(openTasks(at)).not.toEqual([]);
        for (const asked of openTasks(at)) reply(at, asked, 'done');
        const input = inputOf(at);
        return Promise.resolve(() => nextTransition(input));
      }),
    ).toBeLessThan(GROWTH_MAX);
  },
);

const ids = (count: number): readonly string[] => numbers(count).map((at) => `s${at}`);
const steps = (count: number, more = ''): string =>
  ids(count)
    .map((id) => `  ${id}: { prompt: x${more} }\n`)
    .join('');

const PLANS: Readonly<Record<string, (n: number) => string>> = {
  'steps side by side': (n) => steps(n),
  'steps that one step needs': (n) =>
    `${steps(n)}  end: { prompt: x, needs: [${ids(n).join(', ')}] }\n`,
  'steps after one gate that sends back': (n) =>
    `  first: { prompt: x }\n  gate: { needs: [first], ask: { title: ok?, on-deny: { rework: first, max: 2 } } }\n${steps(n, ', needs: [gate]')}`,
  'steps in a group': (n) => `  all:\n    steps:\n${steps(n).replaceAll(/^/gm, '    ')}`,
};

it.each(Object.entries(PLANS))(
  'a plan with %s: twice as many are about twice the work',
  async (_, plan) => {
    expect(
      await growth(16, (n) => {
        const at = world(`model: opus\nmax-parallel: 1\nsteps:\n${plan(n)}`, () => null);
        settle(at);
        expect(openTasks(at)).toHaveLength(1);
        const input = inputOf(at);
        return Promise.resolve(() => nextTransition(input));
      }),
    ).toBeLessThan(GROWTH_MAX);
  },
);

it('the check of steps that each read the one before: twice as many are about twice the work', async () => {
  expect(
    await growth(16, (n) => {
      const chain = numbers(n).map((at) =>
        at === 0
          ? '  s0: { prompt: x }\n'
          : `  s${at}: { prompt: "\${{ steps.s${at - 1}.text }}", needs: [s${at - 1}] }\n`,
      );
      const text = `---\nmodel: opus\nsteps:\n${chain.join('')}---\n`;
      const nothing = (): null => null;
      const known = { models: ['opus'], served: new Map([['opus', ['h0']]]) };
      const options = { ...known, savedWorkflow: nothing, schemaFile: nothing };
      const check = () => checkWorkflow(text, options);
      expect(check().errors).toEqual([]);
      return Promise.resolve(check);
    }),
  ).toBeLessThan(GROWTH_MAX);
});

it('control messages of a run: twice as many are about twice the work', async () => {
  expect(
    await growth(8, (n) => {
      const at = world('model: opus\nsteps:\n  s: { prompt: x }\n', () => null);
      settle(at);
      for (const one of numbers(n)) post(at, `op: ${one % 2 === 0 ? 'pause' : 'resume'}`);
      settle(at);
      for (const one of numbers(n)) post(at, `op: ${one % 2 === 0 ? 'pause' : 'resume'}`);
      const input = inputOf(at);
      return Promise.resolve(() => nextTransition(input));
    }),
  ).toBeLessThan(GROWTH_MAX);
});

it('what an agent reads of a thread: twice as long is about twice the work', async () => {
  expect(
    await growth(32, async (n) => {
      const { repository, commit } = host();
      const tip = await commit(
        null,
        many(n, (at) => [message(at), ask('opus', at === 0 ? '' : `re: ${message(at - 1)}\n`)]),
      );
      const query = { tip, path: message(n), re: [message(n - 1)], recipient: 'opus' };
      const archive = (): Promise<null> => Promise.resolve(null);
      return () => readThread(repository, { ...query, alias: 'h0', messagesMax: n, archive });
    }),
  ).toBeLessThan(GROWTH_MAX);
});

it('notes by which people dismiss stray files: twice as many are about twice the work', async () => {
  expect(
    await growth(32, async (n) => {
      const { repository, commit } = host();
      const strays = many(n, (at) => [`data/channels/general/${at}.txt`, ask('opus')]);
      const first = await commit(null, strays);
      const entries = await repository.lookUp(first, Object.keys(strays));
      const acks = Object.keys(strays).map((path, at) =>
        ackPath({ kind: 'file', path, oid: entries[at]?.oid ?? '' }),
      );
      const tip = await commit(
        first,
        many(n, (at) => [acks[at]!, 'seen\n']),
      );
      const mirror = createMirror(repository, null);
      await mirror.pull({ tip, asOf: mirror.epoch() });
      const around = {
        index: mirror.index(),
        session: { repository },
        strays: new Map(),
        trust: null,
      };
      for (const file of mirror.index().rejected.values()) around.strays.set(file.path, file);
      expect(around.strays.size).toBe(n);
      return async () => {
        const left = await dropAcked(around, []);
        expect(left.strays).toEqual([]);
      };
    }),
  ).toBeLessThan(GROWTH_MAX);
});

const BEAT = {
  run: '0'.repeat(12),
  count: 1,
  version: '9.0.0',
  state: 'running',
  slots: 1,
  busy: 1,
  models: ['opus'],
  blocked: [],
  pollMs: 1_000,
  wake: null,
  pushes: [0],
  atMs: AT_MS,
} as const;
const hex = (at: number): string => at.toString(16).padStart(16, '0');
const claimOf = (at: number): string =>
  formatClaim({
    message: message(at),
    blob: '0'.repeat(40) as Oid,
    recipient: 'opus',
    alias: `h${at}`,
    instance: hex(at),
    run: '0'.repeat(12),
    attempt: 1,
    nonce: hex(at),
    effects: 'none',
  });
const beatOf = (at: number): readonly [string, string] => [
  `h${at}.${hex(at)}`,
  formatBeat({ ...BEAT, alias: `h${at}`, instance: hex(at) }),
];
const openClaim = (at: number): readonly [string, string] => {
  const { channel, ...file } = parseMessagePath(message(at))!;
  const key = claimKey({ channel, identity: identityOf({ channel, ...file }), recipient: 'opus' });
  return [REFS.claims + key, claimOf(at)];
};
const REFS_OF: Readonly<Record<string, (n: number) => readonly (readonly [string, string])[]>> = {
  'claims of open work': (n) => numbers(n).map(openClaim),
  'claims of open work and beats of their hosts': (n) =>
    numbers(n).flatMap((at) => [openClaim(at), [REFS.hosts + beatOf(at)[0], beatOf(at)[1]]]),
  'claims of nothing': (n) =>
    numbers(n).map((at) => [`${REFS.claims}${hex(at).padStart(32, '0')}`, claimOf(at)]),
  beats: (n) => numbers(n).map((at) => [REFS.hosts + beatOf(at)[0], beatOf(at)[1]]),
  'beats where the transport has none': (n) =>
    numbers(n).map((at) => [elsewhere(REFS.hosts) + beatOf(at)[0], beatOf(at)[1]]),
  capsules: (n) => numbers(n).map((at) => [`${REFS.capsules}${hex(at).padStart(32, '0')}`, 'x']),
  'refs that are none of these': (n) =>
    numbers(n).flatMap((at) =>
      [REFS.claims, REFS.hosts, REFS.control].map((below) => [`${below}odd-${at}`, 'x'] as const),
    ),
};

it.each(
  Object.entries(REFS_OF).flatMap(([name, refs]) =>
    (['own', 'hosted'] as const).map((pace) => [name, pace, refs] as const),
  ),
)('%s in the pace %s: twice as many are about twice the work', async (_, pace, refs) => {
  expect(
    await growth(8, async (n) => {
      const { world: place, look } = watching({
        'data/models.yaml': MODELS,
        'data/transport.yaml': `pace: ${pace}\n`,
        ...many(n, (at) => [message(at), ask('opus')]),
      });
      for (const [ref, text] of refs(n)) place.remote.setRef(ref, place.remote.record(text));
      // The first look reads everything, and lets others have their turn while it does.
      for (const times of [2, 40]) {
        await look(times);
        await new Promise(setImmediate);
      }
      return () => look(50);
    }),
  ).toBeLessThan(GROWTH_MAX);
});

/** A host that serves nothing of what is asked, on a branch with these files. */
function watching(files: Files): {
  readonly world: SimulatedWorld;
  /** Lets it live until it has looked so often. */
  readonly look: (times: number) => Promise<unknown>;
} {
  const plan = { ...QUIET, seed: 1, hosts: 1 };
  const place = createWorld(plan, () => undefined);
  const writes = Object.entries(files).map(([path, content]) => ({ path, content: content ?? '' }));
  const draft = { writes, author: WHO, committer: WHO, atMs: AT_MS, message: 'x' };
  place.remote.setRef(BRANCH, place.remote.commit([], draft));
  const random = drawsOf(plan, 'h');
  const parts = { name: 'h', alias: 'h', random, serves: new Set(['gpt']), concurrency: 1 };
  let looks = 0;
  void startProcess(place, createHost(place, parts), (doors) => ({
    ...doors,
    repository: {
      ...doors.repository,
      listRefs: (...asked) => {
        looks += 1;
        return doors.repository.listRefs(...asked);
      },
    },
  }));
  return {
    world: place,
    look: (times) =>
      place.scheduler.run({
        untilMs: 3_600_000,
        eventsMax: 1_000_000,
        stop: () => looks >= times,
      }),
  };
}

/** A host with an empty cache, and a hand that commits. */
function host(): {
  readonly repository: Repository;
  readonly commit: (parent: Oid | null, files: Files) => Promise<Oid>;
} {
  const repository = createMemoryRemote().open();
  return {
    repository,
    commit: async (parent, files) => {
      const writes = Object.entries(files).flatMap(([path, content]) =>
        content === null ? [] : [{ path, content }],
      );
      const removes = Object.keys(files).filter((path) => files[path] === null);
      const draft = { writes, removes, author: WHO, committer: WHO, atMs: AT_MS, message: 'x' };
      const [oid] = await repository.buildCommits(parent, [draft]);
      return oid!;
    },
  };
}
