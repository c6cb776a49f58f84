/**
 * `crosstalkd upgrade-transport`: a models.yaml of a program before 8 in today's form, and the
 * pages that `init` once wrote into a transport, brought to those of this version. A page is ours
 * only while the last commit that touched it is one of `init` or of this command: what people
 * changed or removed stays as it is.
 */
import { cacheFailure } from '../../transport/git-history.ts';
import { readFile } from 'node:fs/promises';
import { MINUTE, systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { by } from '../../base/order.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import { upgradeModels } from '../../protocol/older-models.ts';
import { MODELS_FILE } from '../../protocol/paths.ts';
import { readTextAt } from '../../transport/read-text.ts';
import type { CommitDraft } from '../../transport/repository.ts';
import type { Invocation } from '../command.ts';
import { isConfirmed, type Question } from '../confirm.ts';
import { plain } from '../io.ts';
import { identifySender, type Sender } from '../talk/person.ts';
import { printDone, tipOf, wantsJson, withSession } from '../look/reading.ts';
import { counted } from '../../protocol/say-reason.ts';
import { listTemplate, MODELS_HEADER } from '../template-files.ts';
import { gitOf, type TransportSession } from '../session/transport-session.ts';
import { publishFor } from '../session/publish-for.ts';

const TRAILER = 'crosstalkd upgrade-transport';
/** The second line of commits that write the template: of this command, and of `init`. */
const OURS = /^crosstalkd (?:upgrade-transport$|init )/m;
const QUESTION: Question = {
  asks: 'Commit and push this?',
  refusal: 'cannot ask for confirmation without a terminal; nothing was changed',
  fix: 'crosstalkd upgrade-transport --yes',
};

interface Plan {
  /** Files that are ours, or that never were there: path and new text. */
  readonly writes: readonly { readonly path: string; readonly content: string }[];
  /** Files that differ and are people's. */
  readonly left: readonly string[];
}

/** Shows what would change, and commits it once that is confirmed. */
export function upgradeTransport(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const plan = await makePlan(session);
    const sender = await identifySender(invocation, session);
    const draft = draftOf(plan, sender);
    const tip = tipOf(session);
    if (plan.writes.length > 0 && !wantsJson(invocation)) {
      const [preview] = await session.repository.buildCommits(tip, [draft]);
      const git = gitOf(session);
      const shown = await git.run({
        args: ['diff', '--no-color', '--no-ext-diff', '--no-textconv', tip, preview ?? tip, '--'],
        limitMs: MINUTE,
      });
      invocation.io.print(plain(shown.stdout.toString('utf8').trimEnd()));
    }
    if (!wantsJson(invocation))
      for (const path of plan.left)
        invocation.io.warn(plain(`left unchanged, because people edited it: ${path}`));
    if (plan.writes.length === 0)
      return printUpgraded(invocation, {
        plan,
        commit: null,
        says: 'Nothing to upgrade: the transport is up to date.',
      });
    if (!(await isConfirmed(invocation, QUESTION)))
      return printUpgraded(invocation, { plan, commit: null, says: 'Nothing was changed.' });
    const commit = await publishPlan(session, { plan, sender });
    return printUpgraded(invocation, {
      plan,
      commit,
      says: `Upgraded ${counted(plan.writes.length, 'file')}; git pull brings ${plan.writes.length === 1 ? 'it' : 'them'} into a clone.`,
    });
  });
}

async function makePlan(session: TransportSession): Promise<Plan> {
  const tip = tipOf(session);
  const git = gitOf(session);
  const writes: { path: string; content: string }[] = [];
  const left: string[] = [];
  const { older } = decodeModels(session.mirror.modelsText() ?? '');
  if (older.size > 0)
    writes.push({ path: MODELS_FILE, content: upgradeModels(older, MODELS_HEADER) });
  for (const { path, source } of [...(await listTemplate())].sort(by((file) => file.path))) {
    const content = await readFile(source, 'utf8');
    if ((await readTextAt(session.repository, tip, path)) === content) continue;
    const args = ['log', '-1', '--no-color', '--no-show-signature', '--format=%B', tip, '--', path];
    const last = await git.run({ args, limitMs: MINUTE });
    if (last.code !== 0) throw cacheFailure('log', last.stderr);
    const message = last.stdout.toString('utf8').trim();
    if (message === '' || OURS.test(message)) writes.push({ path, content });
    else left.push(path);
  }
  return { writes, left };
}

function draftOf({ writes }: Plan, { identity }: Sender): CommitDraft {
  const message = `Upgrade this transport\n\n${TRAILER}\n`;
  return { writes, author: identity, committer: identity, atMs: systemClock.wallMs(), message };
}

/**
 * On another tip it is looked again whose the files are. Throws REFUSED where a file would get
 * another text than the one confirmed: who pushes in between must not choose what a person signs.
 */
async function publishPlan(
  session: TransportSession,
  { plan: confirmed, sender }: { readonly plan: Plan; readonly sender: Sender },
): Promise<string | null> {
  const texts = new Map(confirmed.writes.map(({ path, content }) => [path, content]));
  const transaction = {
    name: TRAILER,
    fences: [],
    decide: async () => {
      const plan = await makePlan(session);
      const other = plan.writes.find(({ path, content }) => texts.get(path) !== content);
      if (other !== undefined)
        throw new CrosstalkError('REFUSED', `${other.path} changed since it was shown`, {
          fix: 'crosstalkd upgrade-transport',
        });
      return plan.writes.length === 0 ? null : [draftOf(plan, sender)];
    },
  };
  const needs = { kinds: ['models'], right: 'models' } as const;
  const [outcome] = await publishFor(session, [transaction], needs);
  return outcome?.kind === 'landed' ? (outcome.commits[0] ?? null) : null;
}

function printUpgraded(
  invocation: Invocation,
  told: { readonly plan: Plan; readonly commit: string | null; readonly says: string },
): number {
  const { plan, commit, says } = told;
  printDone(
    invocation,
    { upgraded: plan.writes.map(({ path }) => path), left: plan.left, commit },
    () => says,
  );
  return 0;
}
