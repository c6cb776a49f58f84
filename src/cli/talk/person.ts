/**
 * Who sends: the person at this machine as git knows them, or the model whose program runs this
 * command.
 */
import { present } from '../../local/state-directory.ts';
import { userInfo } from 'node:os';
import { CrosstalkError } from '../../base/errors.ts';
import { isAlias, NAME_RULE, slugName } from '../../protocol/names.ts';
import { isFullName, meantName, personName, spelledOnce } from '../../protocol/person-name.ts';
import { type Called, personAt, personNamed } from '../../protocol/people.ts';
import { speakerOf } from '../../protocol/who-said.ts';
import { type MaySend, readMaySend } from '../../protocol/admission.ts';
import { modelIdentity } from '../../protocol/reply.ts';
import type { Identity } from '../../transport/repository.ts';
import { type Invocation, option } from '../command.ts';
import { type GitSettings, readSettings } from '../session/git-settings.ts';
import { openPersonGit } from '../session/person-git.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { fixBy, fixByHand, withNote } from '../../base/fix.ts';

export interface Sender {
  /** The name in `from:`. */
  readonly name: string;
  /** Every name that counts as theirs in what they commit. */
  readonly names: readonly string[];
  /** Author and committer of the commit. */
  readonly identity: Identity;
  /** Set inside an agent: what it works on and how far that has come. */
  readonly agent: AgentContext | null;
}

/** What a dispatcher gives a program that it runs. */
export interface AgentContext {
  readonly message: string;
  readonly model: string;
  readonly hops: number;
  readonly maySend: MaySend;
}

/**
 * The sender of an invocation. Throws USAGE for what is not a name or not the caller's, REFUSED
 * for an agent that may not send.
 */
export async function identifySender(
  invocation: Invocation,
  session: TransportSession,
): Promise<Sender> {
  const asked = option(invocation, 'from') ?? null;
  const agent = agentContext(invocation);
  if (agent !== null) {
    if (asked !== null && asked !== agent.model)
      throw new CrosstalkError(
        'USAGE',
        `--from "${asked}": inside an agent the sender is "${agent.model}"`,
        { fix: fixByHand('leave out --from') },
      );
    const { model } = agent;
    const identity = modelIdentity(model, session.config.alias);
    return { name: model, names: [model], identity, agent };
  }
  const git = await readIdentity(invocation, session.located.settings);
  const given = asked ?? present(invocation.env['CROSSTALK_FROM']);
  const { models, called } = session.mirror.index();
  const own = (): string =>
    personAt(called, git?.email) ?? personName(git, slugName(systemUser(), 'someone'));
  const isOwn = given === null || spelledOnce(given) === spelledOnce(git?.name ?? '');
  const name = isOwn ? own() : (personNamed(called, given) ?? meantName(given));
  const isFree = isAlias(name) && !models.includes(name);
  if (!isFree)
    throw new CrosstalkError(
      'USAGE',
      `the sender "${name}" ${isAlias(name) ? 'is the name of a model here' : `is not a name: ${NAME_RULE}`}`,
      { fix: withNote(fixBy`crosstalkd send --from YOUR-NAME`, 'or set CROSSTALK_FROM') },
    );
  const identity = identityFor(name, { git, called, typed: given ?? name });
  return { name, names: namesOf(identity, called), identity, agent: null };
}

/** The person who sends. Throws REFUSED for an agent, which `what` says that it cannot do. */
export async function identifyPerson(
  invocation: Invocation,
  session: TransportSession,
  what: string,
): Promise<Sender> {
  const sender = await identifySender(invocation, session);
  if (sender.agent !== null)
    throw new CrosstalkError('REFUSED', `an agent cannot ${what}`, {
      fix: fixByHand('a person does this'),
    });
  return sender;
}

/**
 * Git's own identity where it goes by that name, else one that says the name: who committed a
 * message is whose word it is, and `--from` says who that is.
 */
function identityFor(
  name: string,
  of: { readonly git: Identity | null; readonly called: Called; readonly typed: string },
): Identity {
  const { git, called, typed } = of;
  return git !== null && namesOf(git, called).includes(name)
    ? git
    : { name: isFullName(typed) ? clean(typed) : name, email: `${name}@crosstalk` };
}

function namesOf(identity: Identity, called: Called): readonly string[] {
  const signed = { author: identity, committer: identity, authoredMs: 0 };
  return speakerOf(signed, called)?.names ?? [];
}

function agentContext({ caller }: Invocation): AgentContext | null {
  if (caller.kind === 'person') return null;
  const { env } = caller;
  const [message, model] = [present(env['CROSSTALK_MESSAGE']), present(env['CROSSTALK_MODEL'])];
  if (message === null || model === null)
    throw new CrosstalkError(
      'REFUSED',
      'an agent started this, but which one is unknown; its output is its answer',
      { fix: fixByHand('do not change the environment that the dispatcher gave the agent') },
    );
  const maySend = readMaySend(env['CROSSTALK_SEND']);
  if (maySend.length === 0)
    throw new CrosstalkError(
      'REFUSED',
      `the model "${model}" may not send messages; its output is its answer`,
      { fix: fixByHand(`the operator sets "may-send: true" at "${model}" in models.yaml`) },
    );
  const hops = env['CROSSTALK_HOPS'] ?? '';
  if (!/^\d{1,4}$/.test(hops))
    throw new CrosstalkError('USAGE', `CROSSTALK_HOPS is "${hops}"; expected a whole number`);
  return { message, model, hops: Number(hops), maySend };
}

/** Name and address as git would sign in that clone; null when nobody has told git. */
async function readIdentity(
  { env, cwd }: Invocation,
  settings: GitSettings | null,
): Promise<Identity | null> {
  const { valueOf } = settings ?? (await readSettings(openPersonGit(cwd, env, 10_000), env));
  const name = present(env['GIT_AUTHOR_NAME']) ?? present(valueOf('user.name')?.trim());
  const email = present(env['GIT_AUTHOR_EMAIL']) ?? present(valueOf('user.email')?.trim());
  if (name === null && email === null) return null;
  return {
    name: clean(name ?? email?.split('@')[0] ?? ''),
    email: clean(email ?? `${slugName(name ?? '', 'someone')}@crosstalk`),
  };
}

/** What git itself takes out of an identity, because it would end a line of the commit. */
function clean(text: string): string {
  return text.replace(/[<>\u0000-\u001f\u007f]/g, '').trim() || 'someone';
}

function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
