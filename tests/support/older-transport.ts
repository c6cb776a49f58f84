/**
 * A transport as the first program of protocol 7 left it: a run in each of its seven states, and
 * plain questions in every form of an answer. Its layout is in PROTOCOL.md "Older transports".
 */
const DAY = '2026/06/20';
const TALK = '0b7f2c1e-3d44-4a59-9b1a-6f0e8c2d5a10';
let next = 0;

/** A path below the channel, as `re:` of that program named it. */
type Below = string;

interface Written {
  readonly below: Below;
  readonly path: string;
  readonly text: string;
}

function write(
  channel: string,
  fields: Readonly<Record<string, string | readonly string[]>>,
  body: string,
): Written {
  next += 1;
  const number = String(next).padStart(4, '0');
  const below = `${DAY}/10${number}123Z-0a1b${number}.md`;
  const head = {
    timestamp: `2026-06-20T10:${number.slice(0, 2)}:${number.slice(2)}.123Z`,
    ...fields,
  };
  const lines = Object.entries<string | readonly string[]>(head).map(([key, value]) =>
    Array.isArray(value)
      ? `${key}:\n${value.map((one) => `  - ${one}\n`).join('')}`
      : `${key}: ${String(value)}\n`,
  );
  return {
    below,
    path: `data/channels/${channel}/${below}`,
    text: `---\n${lines.join('')}---\n\n${body}\n`,
  };
}

/** The states that a run can be in, by their numbers on that page. */
export const STATES = [1, 2, 3, 4, 5, 6, 7] as const;
export type State = (typeof STATES)[number];

/** The channel of the run in a state. */
export function runIn(state: State): string {
  return `7d1d6c3f-59b0-4c8e-8f7a-2a4b9c0d1e0${state}`;
}

const PLAN = {
  fanout: { to: 'opus', count: 3, body: 'Name one risk. ${{ this is text }}' },
  synthesize: { to: 'gpt', body: 'Put them together.' },
};

interface RunFiles {
  readonly marker: string;
  readonly files: Readonly<Record<string, string>>;
}

/** A run of three candidates, of which the second was pinned to a host that is gone. */
function runFiles(state: State): RunFiles {
  const channel = runIn(state);
  const root = `data/channels/${channel}/`;
  const marker = write(
    TALK,
    {
      from: 'rod',
      to: 'workflow',
      type: 'workflow',
      child_channel: channel,
      dispatch_host: 'oldbox',
    },
    `Look at run ${state} from three sides.`,
  );
  const files: Record<string, string> = { [marker.path]: marker.text };
  const add = (...written: readonly Written[]): void => {
    for (const { path, text } of written) files[path] = text;
  };
  files[`${root}CHANNEL.md`] = `---\nname: run ${state}\nparent: ${TALK}\n---\nA run.\n`;
  if (state >= 2) files[`${root}PLAN.json`] = `${JSON.stringify(PLAN, null, 2)}\n`;
  if (state >= 3) {
    const tasks = ['opus', 'opus@oldbox', 'opus@mbp'].map((to) =>
      write(channel, { from: 'workflow@mbp', to, workflow_phase: 'fanout' }, PLAN.fanout.body),
    );
    add(...tasks);
    const answered = state === 3 ? tasks.slice(0, 2) : tasks;
    for (const [at, task] of answered.entries())
      add(
        write(
          channel,
          {
            from: at === 0 ? 'opus' : 'opus@mbp',
            to: 'workflow@mbp',
            re: task.below,
            ...(at === 1 ? { failed: 'true', error: 'exit 1' } : {}),
          },
          at === 1 ? 'exit 1' : `paid answer ${state}.${at + 1}`,
        ),
      );
  }
  if (state >= 5) {
    const synthesis = write(
      channel,
      { from: 'workflow@mbp', to: 'gpt@oldbox', workflow_phase: 'synthesize' },
      `Put them together.\n\n--- candidate 1 ---\n\npaid answer ${state}.1\n\n--- candidate 2 (FAILED) ---\n\nexit 1\n\n--- candidate 3 ---\n\nuses \${{ secrets.x }}`,
    );
    add(synthesis);
    if (state >= 6)
      add(
        write(
          channel,
          { from: 'gpt@oldbox', to: 'workflow@mbp', re: synthesis.below },
          `paid result ${state}`,
        ),
      );
  }
  if (state === 7) {
    add(write(TALK, { from: 'workflow@mbp', to: 'rod', re: marker.below }, 'paid result 7'));
    files[`${root}COMPLETE`] = '2026-06-20T11:00:00.000Z\n';
  }
  return { marker: marker.path, files };
}

export interface OlderTransport {
  readonly files: Readonly<Record<string, string>>;
  /** Path of the marker of the run in a state. */
  readonly markers: ReadonlyMap<State, string>;
  /** Questions that have an answer, by its form. */
  readonly answered: Readonly<Record<string, string>>;
  /** One that nobody has answered, of today; and one of long ago. */
  readonly open: string;
  readonly stale: string;
}

/** `models`: the text of data/models.yaml, in that program's form or today's. */
export function olderTransport(models: string): OlderTransport {
  next = 0;
  const ask = (to: string, more: Readonly<Record<string, string>> = {}): Written =>
    write(TALK, { from: 'rod', to, ...more }, `A question to ${to}.`);
  const questions = {
    bare: ask('opus'),
    host: ask('opus'),
    first: ask('opus'),
    second: ask('opus@mbp'),
    failed: ask('gpt'),
    slash: ask('open/large'),
    gone: ask('claude-2', { from: '007' }),
  };
  const reply = (from: string, re: readonly Written[], more = {}): Written =>
    write(
      TALK,
      {
        from,
        to: re === gone ? '007' : 'rod',
        re: re.length === 1 ? (re[0]?.below ?? '') : re.map(({ below }) => below),
        ...more,
      },
      'paid.',
    );
  const gone = [questions.gone];
  const written = [
    ...Object.values(questions),
    reply('opus', [questions.bare]),
    reply('opus@mbp', [questions.host]),
    reply('opus@Rods-MacBook Pro', [questions.first, questions.second]),
    reply('gpt@mbp', [questions.failed], { failed: 'true', error: 'spawn ENOENT' }),
    reply('open/large@mbp', [questions.slash]),
    reply('claude-2@mbp', gone),
  ];
  const stale = ask('opus');
  const open = write(
    TALK,
    { from: 'rod', to: 'opus', timestamp: new Date().toISOString() },
    'What is open?',
  );
  const runs = new Map(STATES.map((state) => [state, runFiles(state)] as const));
  return {
    files: {
      'CROSSTALK-VERSION': '7',
      'data/models.yaml': models,
      'data/dispatchers/oldbox.yaml': 'alias: oldbox\nclaims:\n  - opus\nversion: 7.0.0-alpha.3\n',
      'local/actors/reviewer.md': 'You look for what is missing.\n',
      [`data/channels/${TALK}/CHANNEL.md`]:
        '---\nname: Release notes\n---\nWhat was said before.\n',
      ...Object.fromEntries([...written, stale, open].map(({ path, text }) => [path, text])),
      ...Object.fromEntries([...runs.values()].flatMap(({ files }) => Object.entries(files))),
    },
    markers: new Map([...runs].map(([state, { marker }]) => [state, marker])),
    answered: Object.fromEntries(Object.entries(questions).map(([form, { path }]) => [form, path])),
    open: open.path,
    stale: stale.path,
  };
}
