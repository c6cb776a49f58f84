/** `crosstalkd allow --add`: entries for agent programs of this host in data/models.yaml. */
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { fixByHand } from '../../base/fix.ts';
import { ADAPTERS } from '../../agents/adapters.ts';
import { detectAgents, PATIENT_MS } from '../../agents/detect.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import { MODELS_FILE } from '../../protocol/paths.ts';
import { readTextAt } from '../../transport/read-text.ts';
import type { Transaction } from '../../transport/transaction.ts';
import type { Invocation } from '../command.ts';
import { publishFor } from '../session/publish-for.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { identifyPerson } from '../talk/person.ts';
import { MODELS_HEADER } from '../template-files.ts';
import { formatEntry } from './first-models.ts';

/**
 * Publishes an entry for each named program that has none; it is called as its adapter. One that
 * is not signed in is added, with a warning that says how to sign in. Throws
 * NOT_FOUND for one that is not on this host, REFUSED where the file takes no entry at its end.
 */
export async function addPrograms(
  invocation: Invocation,
  session: TransportSession,
): Promise<void> {
  const { args: names, env } = invocation;
  if (names.length === 0)
    throw new CrosstalkError('USAGE', 'which program should be added?', {
      fix: 'crosstalkd models',
    });
  const found = await detectAgents({
    ...{ adapters: ADAPTERS, operatorEnv: env, clock: systemClock, limitMs: PATIENT_MS },
  });
  const missing = names.find((name) => !found.some(({ adapter }) => adapter === name));
  if (missing !== undefined)
    throw new CrosstalkError(
      'NOT_FOUND',
      `no agent program "${missing}" is on this host; found: ${found.map(({ adapter }) => adapter).join(', ') || 'none'}`,
      { fix: 'crosstalkd models' },
    );
  const { identity } = await identifyPerson(invocation, session, 'add a model');
  const decide: Transaction['decide'] = async ({ tip }) => {
    const text = tip === null ? null : await readTextAt(session.repository, tip, MODELS_FILE);
    const standing = decodeModels(text ?? '');
    const fresh = found.filter(
      ({ adapter }) => names.includes(adapter) && !standing.models.has(adapter),
    );
    if (fresh.length === 0) return null;
    const entries = fresh.map(formatEntry).join('');
    const content = `${(text ?? `${MODELS_HEADER}models:\n`).trimEnd()}\n${entries}`;
    const { models, problems } = decodeModels(content);
    const isTaken =
      problems.length === standing.problems.length &&
      models.size === standing.models.size + fresh.length;
    if (!isTaken)
      throw new CrosstalkError('REFUSED', `${MODELS_FILE} does not end with its list of models`, {
        fix: fixByHand(`add to it below "models:", commit and push:\n${entries}`),
      });
    const atMs = systemClock.wallMs();
    const message = `Add ${fresh.map(({ adapter }) => adapter).join(', ')} to the models\n`;
    const writes = [{ path: MODELS_FILE, content }];
    return [{ writes, author: identity, committer: identity, atMs, message }];
  };
  const transaction = { name: `write ${MODELS_FILE}`, fences: [], decide };
  await publishFor(session, [transaction], { kinds: ['models'], right: 'models' });
  for (const { adapter, signedIn, advice } of found)
    if (names.includes(adapter) && signedIn === 'no')
      invocation.io.warn(`${adapter} is not signed in here: ${advice ?? 'sign in to it'}`);
}
