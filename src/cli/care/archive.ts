/**
 * `crosstalkd archive`: channels and runs that have ended leave the tip of the branch for a branch
 * of their own, or come back from it.
 */
import { formatTrailers } from '../../protocol/trailers.ts';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import type { Oid } from '../../base/ids.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import { isChannel } from '../../protocol/names.ts';
import { archivedPath, archiveRef, channelFolder } from '../../protocol/paths.ts';
import type { Transaction } from '../../transport/transaction.ts';
import type { CommitDraft, RefUpdate, TreeChange } from '../../transport/repository.ts';
import { type ArchivePlan, planArchive } from './archive-plan.ts';
import { given, type Invocation, option } from '../command.ts';
import { plain } from '../io.ts';
import { identifyPerson, type Sender } from '../talk/person.ts';
import { archiveOf, forgetArchive } from '../look/read-archive.ts';
import { durationValue, printGood, tipOf, wantsJson, withSession } from '../look/reading.ts';
import { counted } from '../../protocol/say-reason.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { publishFor } from '../session/publish-for.ts';
import { REPLY } from '../session/sign-as-person.ts';
import { fixBy, fixByHand } from '../../base/fix.ts';

/** How often another host may move the archive first before this gives up. */
const TRIES_MAX = 20;
/** A file that is not a message may be larger than one. */
const FILE_BYTES_MAX = 64 * MESSAGE_BYTES_MAX;

/** Archives, or with --undo brings back. */
export function archiveChannels(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const sender = await identifyPerson(invocation, session, 'archive what was said; people do');
    return given(invocation, 'undo')
      ? bringBack(invocation, session, sender)
      : putAway(invocation, session, sender);
  });
}

async function putAway(
  invocation: Invocation,
  session: TransportSession,
  sender: Sender,
): Promise<number> {
  const wish = readWish(invocation);
  const isDry = given(invocation, 'dry-run');
  const plan = isDry ? await planArchive(session, wish) : await landArchive(session, sender, wish);
  const moved = plan.chosen.map(({ channel, messages }) => ({ channel, messages }));
  if (wantsJson(invocation))
    printGood(invocation, {
      dry_run: isDry,
      archived: moved,
      kept: plan.kept,
      files: plan.files.length,
    });
  else {
    const { io } = invocation;
    for (const { channel, messages } of moved)
      io.print(
        plain(
          `${isDry ? 'would archive' : 'archived'} ${channel}: ${counted(messages, 'message')}`,
        ),
      );
    for (const { channel, why } of plan.kept) io.print(plain(`stays ${channel}: ${why}`));
    if (moved.length > 0 && !isDry)
      io.print('  to bring one back: crosstalkd archive --undo CHANNEL');
    if (moved.length === 0) io.warn('nothing to archive');
  }
  return moved.length === 0 ? 3 : 0;
}

function readWish(invocation: Invocation) {
  const { args } = invocation;
  const older = option(invocation, 'older-than');
  const runs = given(invocation, 'runs');
  if (args.length === 0 && older === null && !runs)
    throw new CrosstalkError('USAGE', 'archive: expected channels, --older-than or --runs', {
      fix: 'crosstalkd archive --older-than 90d --dry-run',
    });
  if (args.length > 0 && (older !== null || runs))
    throw new CrosstalkError(
      'USAGE',
      'archive: give channel names, or --older-than and --runs, not both',
      { fix: fixBy`crosstalkd archive ${args}` },
    );
  for (const name of args)
    if (!isChannel(name))
      throw new CrosstalkError('USAGE', `archive: "${name}" is not a channel name`, {
        fix: 'crosstalkd channels',
      });
  return {
    channels: args.length === 0 ? null : args,
    beforeMs: older === null ? null : systemClock.wallMs() - durationValue(older, '--older-than'),
    runs,
  };
}

/**
 * Both branches in one push, each under its lease. Anyone who loses decides again on what stands
 * then: it may be open by now.
 */
async function landArchive(
  session: TransportSession,
  sender: Sender,
  wish: Parameters<typeof planArchive>[1],
): Promise<ArchivePlan> {
  if (!session.publisher.atomic)
    throw new CrosstalkError(
      'REFUSED',
      'this remote rejects atomic pushes, so two branches cannot move together',
      { fix: 'crosstalkd doctor' },
    );
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const last: { plan: ArchivePlan | null } = { plan: null };
    const archive = await archiveOf(session);
    const [outcome] = await publishFor(session, [
      archiveTransaction(session, { sender, wish, archive, last }),
    ]);
    forgetArchive(session);
    if (last.plan !== null && (outcome?.kind === 'landed' || outcome?.kind === 'dropped'))
      return last.plan;
  }
  throw new CrosstalkError('REFUSED', `others moved the archive ${TRIES_MAX} times in a row`, {
    fix: fixByHand('the same command again'),
  });
}

interface Archiving {
  readonly sender: Sender;
  readonly wish: Parameters<typeof planArchive>[1];
  readonly archive: Oid | null;
  /** What was decided last: what landed, when it lands. */
  readonly last: { plan: ArchivePlan | null };
}

function archiveTransaction(
  session: TransportSession,
  { sender, wish, archive, last }: Archiving,
): Transaction {
  const { repository, branch } = session;
  const fences: RefUpdate[] = [];
  return {
    name: 'archive',
    fences,
    decide: async () => {
      const plan = await planArchive(session, wish);
      last.plan = plan;
      fences.length = 0;
      if (plan.chosen.length === 0) return null;
      const names = plan.chosen.map(({ channel }) => channel);
      const draft = composeDraft(
        sender,
        `archive: ${names.length === 1 ? (names[0] ?? '') : counted(names.length, 'channel')}`,
        names,
      );
      const removes = await listOutdated(session, { archive, plan });
      const [next] = await repository.buildCommits(archive, [
        { ...draft, removes, writes: await readFiles(session, plan.files) },
      ]);
      if (next === undefined) throw new CrosstalkError('INTERNAL', 'the archive was not built');
      fences.push({ ref: archiveRef(`refs/heads/${branch}`), expected: archive, next });
      const tombstone = `The files of this channel are on the branch ${branch}-archive.\nNothing here is answered until they are back: crosstalkd archive --undo\n`;
      return [
        {
          ...draft,
          removes: plan.files.map(({ path }) => path),
          writes: names.map((channel) => ({ path: archivedPath(channel), content: tombstone })),
        },
      ];
    },
  };
}

/** What the archive still holds of the channels from an earlier time and is not theirs any more. */
async function listOutdated(
  session: TransportSession,
  { archive, plan }: { readonly archive: Oid | null; readonly plan: ArchivePlan },
) {
  if (archive === null) return [];
  const now = new Set(plan.files.map(({ path }) => path));
  const before = await Promise.all(
    plan.chosen.map(({ channel }) =>
      session.repository.diff({ from: null, to: archive, under: channelFolder(channel) }),
    ),
  );
  return before.flat().flatMap(({ path }) => (now.has(path) ? [] : [path]));
}

function composeDraft(
  { identity, name }: Sender,
  subject: string,
  channels: readonly string[],
): Omit<CommitDraft, 'writes'> {
  const atMs = systemClock.wallMs();
  return {
    author: identity,
    committer: identity,
    atMs,
    message: `${subject}\n\nby ${name}\n\n${formatTrailers(channels.map((channel) => ['Channel', channel]))}`,
  };
}

async function readFiles(
  session: TransportSession,
  files: readonly Extract<TreeChange, { kind: 'written' }>[],
): Promise<CommitDraft['writes']> {
  const blobs = await session.repository.readBlobs(
    files.map(({ blob }) => blob),
    FILE_BYTES_MAX,
  );
  return files.map(({ path }, at) => {
    const blob = blobs[at];
    if (blob?.kind !== 'bytes')
      throw new CrosstalkError('REFUSED', `${path} is too large to move`, {
        fix: fixByHand('archive other channels by name'),
      });
    return { path, content: blob.bytes };
  });
}

async function bringBack(
  invocation: Invocation,
  session: TransportSession,
  sender: Sender,
): Promise<number> {
  const { args } = invocation;
  if (args.length === 0)
    throw new CrosstalkError('USAGE', 'archive --undo: expected the channels to bring back', {
      fix: 'crosstalkd channels',
    });
  const archive = await archiveOf(session);
  const back = await Promise.all(args.map((channel) => readArchived(session, archive, channel)));
  const files = back.flat();
  const writes = await readFiles(session, files);
  const draft = composeDraft(sender, `archive: ${args.join(', ')} back`, args);
  const transaction: Transaction = {
    name: 'archive --undo',
    fences: [],
    decide: async (view) => {
      const marks = await view.lookUp(args.map(archivedPath));
      if (marks.every((mark) => mark === null)) return null;
      // What was put there meanwhile stays as it is.
      const standing = await view.lookUp(writes.map(({ path }) => path));
      return [
        {
          ...draft,
          removes: args.map(archivedPath),
          writes: writes.filter((_, at) => standing[at] === null),
        },
      ];
    },
  };
  // The replies among them are from then on the word of who brings them back.
  const [outcome] = await publishFor(session, [transaction], REPLY);
  if (outcome?.kind !== 'landed')
    throw new CrosstalkError('NOT_FOUND', `${args.join(', ')}: not in the archive`, {
      fix: 'crosstalkd channels',
    });
  if (wantsJson(invocation)) printGood(invocation, { back: args, files: files.length });
  else
    for (const [at, channel] of args.entries())
      invocation.io.print(plain(`${channel} is back: ${counted(back[at]?.length ?? 0, 'file')}`));
  return 0;
}

async function readArchived(session: TransportSession, archive: Oid | null, channel: string) {
  const [mark] = isChannel(channel)
    ? await session.repository.lookUp(tipOf(session), [archivedPath(channel)])
    : [];
  const changes =
    archive === null || mark == null
      ? []
      : await session.repository.diff({ from: null, to: archive, under: channelFolder(channel) });
  const files = changes.filter((change) => change.kind === 'written');
  if (files.length === 0)
    throw new CrosstalkError('NOT_FOUND', `"${channel}" is not in the archive`, {
      fix: 'crosstalkd channels',
    });
  return files;
}
