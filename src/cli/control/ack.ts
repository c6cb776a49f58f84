/**
 * `crosstalkd ack`: a person's note that nothing needs to be done about a failure or a file that is
 * not a message. It is kept in the transport, so that no host reports it again.
 */
import { formatIso } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { type Acked, ackPath } from '../../protocol/acks.ts';
import { writeFrontMatter } from '../../protocol/front-matter.ts';
import { messageId } from '../../protocol/paths.ts';
import type { Transaction } from '../../transport/transaction.ts';
import { given, type Invocation, option } from '../command.ts';
import { plain } from '../io.ts';
import { dropAcked } from '../look/acks.ts';
import { type Failure, readFailures } from '../look/failures.ts';
import { type Surroundings, withRemote } from '../look/look-around.ts';
import { printGood, wantsJson } from '../look/reading.ts';
import { commitBy, publishFor } from '../session/publish-for.ts';
import { DECISION } from '../session/sign-as-person.ts';
import { formatSubject } from '../../protocol/subject.ts';
import { identifyPerson, type Sender } from '../talk/person.ts';

/** One thing to dismiss, and how it is named to people. */
interface Found {
  readonly about: string;
  readonly what: Acked;
}

/** Dismisses what its arguments name, or with --failed every failure; exit 3 for nothing left. */
export function acknowledge(invocation: Invocation): Promise<number> {
  return withRemote(invocation, async (around) => {
    const sender = await identifyPerson(invocation, around.session, 'dismiss what needs a person');
    const found = await findAll(invocation, around);
    const note = option(invocation, 'message') ?? '';
    await publishFor(
      around.session,
      found.map((one) => acknowledgement(one, { sender, note })),
      DECISION,
    );
    const dismissed = found.map(({ about }) => about);
    if (wantsJson(invocation)) printGood(invocation, { dismissed });
    else if (dismissed.length === 0) invocation.io.print('no failure is listed');
    else for (const about of dismissed) invocation.io.print(plain(`dismissed: ${about}`));
    return 0;
  });
}

async function findAll(invocation: Invocation, around: Surroundings): Promise<readonly Found[]> {
  const open = await dropAcked(around, await readFailures(around.session));
  if (given(invocation, 'failed')) return open.failures.map(ofFailure);
  if (invocation.args.length === 0)
    throw new CrosstalkError('USAGE', 'what to dismiss is missing: an id, a run or a path', {
      fix: 'crosstalkd status',
    });
  const lists = await Promise.all(invocation.args.map((asked) => find(around, open, asked)));
  return lists.flat();
}

async function find(
  around: Surroundings,
  open: Awaited<ReturnType<typeof dropAcked>>,
  asked: string,
): Promise<readonly Found[]> {
  const failures = open.failures.filter(
    ({ id, run }) => run === asked || id === asked || (asked.length >= 6 && id.startsWith(asked)),
  );
  if (failures.length > 0) return failures.map(ofFailure);
  const paths = open.strays.filter(
    (path) => path === asked || path.endsWith(`/${asked}`) || messageId(path) === asked,
  );
  if (paths.length === 0)
    throw new CrosstalkError('NOT_FOUND', `nothing named "${asked}" is left to dismiss`, {
      fix: 'crosstalkd status',
    });
  const { tip } = around.index;
  const entries = tip === null ? [] : await around.session.repository.lookUp(tip, paths);
  return paths.map((path, at) => ({
    about: path,
    what: { kind: 'file', path, oid: entries[at]?.oid ?? '' },
  }));
}

function ofFailure({ channel, id, model, run }: Failure): Found {
  const about = run === null ? `${id} to ${model}` : `the run ${run}`;
  return { about, what: { kind: 'failure', channel, id, model } };
}

function acknowledgement(
  { about, what }: Found,
  { sender, note }: { readonly sender: Sender; readonly note: string },
): Transaction {
  const path = ackPath(what);
  const { identity, name: from } = sender;
  return commitBy({ identity, name: `ack ${path}`, unless: path }, (atMs) => {
    const ack = what.kind === 'file' ? what.path : what.id;
    const fields = { ack, from, timestamp: formatIso(atMs) };
    return {
      writes: [{ path, content: writeFrontMatter(fields, note === '' ? '' : `${note}\n`) }],
      message: `${formatSubject(`${from} dismisses ${about}`)}\n\n${note}`.trimEnd(),
    };
  });
}
