/**
 * What people do to the branch with tools of their own: write, answer by hand, delete, move, edit,
 * ask again. Every text carries a marker `[[M7]]`.
 */
import { encodeTime } from 'ulid';
import type { Oid } from '../../src/base/ids.ts';
import { formatMessage } from '../../src/protocol/message.ts';
import { newMessagePath, parseMessagePath, replyPath } from '../../src/protocol/paths.ts';
import { readMessage } from '../../src/workflow/run/message-memo.ts';
import { BEGINNING_MS } from '../support/manual-clock.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Host } from './host.ts';
import { drawsOf } from './plan.ts';
import { SAVED } from './workflows.ts';
import { BRANCH, type World } from './world.ts';

/**
 * The models of every simulated transport. `solo` is served by the first host only, `ghost` by
 * nobody.
 */
export const MODELS_YAML = `models:
  opus: {adapter: command, command: [x], effects: none, concurrency: 2, timeout: 90s}
  sonnet: {adapter: command, command: [x], effects: none, fallback: [opus], attempts: 2, timeout: 60s}
  mailer: {adapter: command, command: [x], effects: external, timeout: 60s}
  backup: {adapter: command, command: [x], effects: none, fallback: [mailer], attempts: 4, timeout: 60s}
  solo: {adapter: command, command: [x], effects: external, fallback: [opus], timeout: 40s}
  ghost: {adapter: command, command: [x], effects: none}
`;
export const MODELS = ['opus', 'sonnet', 'mailer', 'backup', 'solo', 'ghost'] as const;

/** What a person changed in one commit. */
export interface Change {
  readonly writes: readonly { readonly path: string; readonly content: string }[];
  readonly removes?: readonly string[];
  readonly message: string;
}

/** Makes the branch, as `init` would. */
export function foundTransport(world: World): void {
  commitAs(world, {
    writes: [
      { path: 'data/models.yaml', content: MODELS_YAML },
      { path: 'README.md', content: 'hello\n' },
      ...[...SAVED].map(([path, content]) => ({ path, content })),
    ],
    message: 'init',
  });
}

/**
 * One thing that somebody does now; which depends on the action's number alone, on what on the
 * branch as it stands.
 */
export function act(world: World, hosts: readonly Host[], number: number): void {
  const random = drawsOf(world.plan, `action ${number}`);
  const all = openMessages(world);
  // What stands in the channel of a run is the engine's; people answer there and leave the rest
  // alone.
  const mail = all.filter(({ ofRun }) => !ofRun);
  const kind = number < 2 || mail.length === 0 ? 'write' : random.pick(KINDS);
  const change = CHANGES[kind]({
    world,
    hosts,
    number,
    random,
    open: kind === 'answer' ? all : mail,
  });
  if (change === null) return;
  world.count(`people ${kind}`);
  world.scheduler.trace(`people ${change.message}`);
  commitAs(world, change);
}

interface Scene {
  readonly world: World;
  readonly hosts: readonly Host[];
  readonly number: number;
  readonly random: SeededRandom;
  readonly open: readonly OpenFile[];
}

interface OpenFile {
  readonly path: string;
  readonly text: string;
  readonly recipients: readonly string[];
  /** A marker, or a task of a run. */
  readonly ofRun: boolean;
}

const KINDS = [
  'write',
  'write',
  'write',
  'write',
  'write',
  'answer',
  'delete',
  'move',
  'edit',
  'retry',
  'thread',
  'copy',
  'garbage',
] as const;

const CHANGES: Readonly<Record<(typeof KINDS)[number], (scene: Scene) => Change | null>> = {
  write: (scene) => writeMessage(scene, {}),
  thread: (scene) => writeMessage(scene, { re: [scene.random.pick(scene.open).path] }),
  retry: (scene) => {
    const { path } = scene.random.pick(scene.open);
    return writeMessage(scene, { retries: path });
  },
  answer: ({ random, open, number }) => {
    const { path, recipients } = random.pick(open);
    const recipient = random.pick(recipients);
    const content = formatMessage(
      { to: ['ada'], from: 'ada', timestamp: '2026-11-21T06:00:00Z', re: [path] },
      `by hand ${number}\n`,
    );
    return {
      writes: [{ path: replyPath(path, recipient), content }],
      message: `answers for ${recipient}: ${path}`,
    };
  },
  delete: ({ random, open }) => {
    const { path } = random.pick(open);
    return { writes: [], removes: [path], message: `deletes ${path}` };
  },
  // With the replies that it has: a message moved away from them is a new one, because the tree is
  // all there is.
  move: ({ world, random, open, number }) => {
    const { path, text } = random.pick(open);
    // Neither path nor bytes are what was claimed: for everybody who looks it is another message.
    if (text.includes('\nedited')) return null;
    // What was asked again is asked again by its old path.
    if ([...filesNow(world).values()].some((other) => other.includes(`retries: ${path}`)))
      return null;
    // Which of two copies with one id counts is a matter of their names; moving them about is not
    // what is tried here.
    if (
      [...filesNow(world).keys()].some((other) => other !== path && other.endsWith(path.slice(-29)))
    )
      return null;
    const stem = path.slice(0, -3);
    const to = `${path.slice(0, path.lastIndexOf('/'))}/moved-${number}-${path.slice(path.lastIndexOf('/') + 1, -3)}`;
    const moved = [...filesNow(world)].filter(
      ([each]) => each === path || each.startsWith(`${stem}.re.`),
    );
    const writes = moved.map(([each, content]) => ({
      path: to + each.slice(stem.length),
      content,
    }));
    return { writes, removes: moved.map(([each]) => each), message: `moves ${path} to ${to}.md` };
  },
  edit: ({ random, open, number }) => {
    const { path, text } = random.pick(open);
    // Moved and edited: neither path nor bytes are left of what was claimed.
    if (path.includes('/moved-')) return null;
    return {
      writes: [{ path, content: text.replace('\n[[', `\nedited ${number}\n[[`) }],
      message: `edits ${path}`,
    };
  },
  copy: ({ random, open, number }) => {
    const { path, text } = random.pick(
      open.filter(({ path: each }) => /-[0-9A-Z]{26}\.md$/.test(each)).concat(open.slice(0, 1)),
    );
    // Copies of what was moved have no right one among them.
    if (!/-[0-9A-Z]{26}\.md$/.test(path) || /moved|copy/.test(path)) return null;
    const to = `${path.slice(0, path.lastIndexOf('/'))}/copy${number}-${path.slice(-29)}`;
    return {
      writes: [{ path: to, content: text.replace(/\[\[M(\d+)\]\]/, `[[M$1-copy${number}]]`) }],
      message: `copies ${path} to ${to}`,
    };
  },
  garbage: ({ number, random }) => ({
    writes: [
      {
        path: `data/channels/general/odd-${number}.md`,
        content: random.pick(['no front matter', '---\nto: [\n---\n', '---\n---\nx\n', '']),
      },
    ],
    message: `leaves garbage ${number}`,
  }),
};

function writeMessage(
  { world, hosts, number, random }: Scene,
  more: { re?: readonly string[]; retries?: string },
): Change {
  const atMs = BEGINNING_MS + number * 1_000;
  const path = random.chance(0.6)
    ? newMessagePath('general', atMs, `${encodeTime(atMs)}${String(number).padStart(16, '0')}`)
    : `data/channels/${random.pick(['general', 'ops'])}/note-${number}.md`;
  const fromModel = random.chance(0.1);
  const content = formatMessage(
    {
      to: chooseRecipients(hosts, random),
      from: fromModel ? random.pick(['opus', 'sonnet']) : random.pick(['ada', 'grace']),
      timestamp: new Date(BEGINNING_MS + world.scheduler.nowMs()).toISOString(),
      hops: fromModel ? random.int(0, 5) : 0,
      priority: random.chance(0.2) ? random.int(-3, 3) : undefined,
      wait: random.chance(0.1) ? true : undefined,
      ...more,
    },
    `Please.\n[[M${number}]]\n`,
  );
  return { writes: [{ path, content }], message: `writes ${path}` };
}

function chooseRecipients(hosts: readonly Host[], random: SeededRandom): readonly string[] {
  if (random.chance(0.1)) return ['all'];
  const one = (): string => {
    const name = random.chance(0.04)
      ? random.pick(['ghost', 'nobody-knows', 'grace'])
      : random.pick(['opus', 'sonnet', 'mailer', 'mailer', 'backup', 'solo']);
    return random.chance(0.1) ? `${name}@${random.pick(hosts).alias}` : name;
  };
  return Array.from({ length: random.chance(0.3) ? random.int(2, 3) : 1 }, one);
}

/** Messages somebody wrote that lack a reply of at least one recipient. */
function openMessages(world: World): readonly OpenFile[] {
  const files = filesNow(world);
  return [...files].flatMap(([path, text]) => {
    const parsed = parseMessagePath(path);
    if (parsed === null || parsed.replyTo !== null) return [];
    const read = readMessage(text);
    if (read.kind !== 'message') return [];
    const names = read.message.fields.to.flatMap(({ name }) => (name === 'all' ? MODELS : [name]));
    const recipients = names.filter((name) => !files.has(replyPath(path, name)));
    const ofRun = isTask(path) || names.includes('workflow');
    const isOther = files.has(`data/channels/${parsed.channel}/RUN.json`) && !isTask(path);
    return recipients.length === 0 || isOther ? [] : [{ path, text, recipients, ofRun }];
  });
}

/** True for the task of a workflow run. */
export function isTask(path: string): boolean {
  return /^data\/channels\/[^/]+\/(steps|plan)\/(.+\/)?task(\.\d+)?\.md$/.test(path);
}

/** The tree as it stands now. */
export function filesNow(world: World): ReadonlyMap<string, string> {
  const tip = world.remote.refs.get(BRANCH);
  return tip === undefined ? new Map() : world.remote.filesOf(tip);
}

/** A commit by somebody with his own tool. */
export function commitAs(world: World, change: Change): Oid {
  const tip = world.remote.refs.get(BRANCH);
  const person = { name: 'Ada', email: 'ada@example.org' };
  const oid = world.remote.commit(tip === undefined ? [] : [tip], {
    ...change,
    author: person,
    committer: person,
    atMs: BEGINNING_MS + world.scheduler.nowMs(),
  });
  world.remote.setRef(BRANCH, oid);
  return oid;
}
