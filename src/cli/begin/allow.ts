/**
 * `crosstalkd allow [name…]`: the operator of this host says that exactly this may run here. Shows
 * what that is, every time.
 */
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { formatDuration } from '../../base/duration.ts';
import { systemRandom } from '../../base/random.ts';
import { approve } from '../../local/approvals.ts';
import { sendControl } from '../../local/control-client.ts';
import type { ModelOffer } from '../../local/served-models.ts';
import { suggestName } from '../../protocol/address.ts';
import type { ModelEntry } from '../../protocol/models.ts';
import { oneLine, spellUnsafe } from '../../base/plain-text.ts';
import { fixOf } from '../../protocol/remedy.ts';
import { sayReason } from '../../protocol/say-reason.ts';
import { given, type Invocation } from '../command.ts';
import { type Io, paint } from '../io.ts';
import { addPrograms } from './add-programs.ts';
import { type ModelView, readModelViews } from '../look/models.ts';
import { printJson, wantsJson, withSession } from '../look/reading.ts';

/**
 * Approves the named models, or all that wait (none is fine: then all are approved already);
 * without either lists what waits, and exits 3 when nothing does. With --add, agent programs of
 * this host get their entries first.
 */
export function allowModels(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    if (given(invocation, 'add')) await addPrograms(invocation, session);
    const views = await readModelViews(session, invocation.env);
    const waiting = views.filter(({ offer }) => isWaiting(offer));
    for (const { name, state } of views.map(({ offer }) => offer))
      if (state.kind === 'invalid')
        invocation.io.warn(`${name} cannot be approved: ${sayReason(state)}`);
    if (invocation.args.length === 0 && !given(invocation, 'all'))
      return listWaiting(invocation, waiting);
    const chosen = given(invocation, 'all')
      ? waiting
      : invocation.args.map((name) => findModel(views, name));
    const fresh = chosen.flatMap(({ offer }) =>
      isWaiting(offer) && offer.entry !== null ? [offer.entry] : [],
    );
    const entries = fresh.map(({ name, hash }) => ({ name, hash }));
    await approve(
      session.configDirectory,
      { transport: session.id, entries },
      { clock: systemClock, random: systemRandom },
    );
    await sendControl(session.directory.path, { op: 'wake' }, { timeoutMs: 1_000 }).catch(
      () => undefined,
    );
    const before = chosen.filter(({ offer }) => !isWaiting(offer)).map(({ offer }) => offer.name);
    printApproved(invocation, {
      fresh,
      before,
      missing: chosen.filter(({ program }) => program?.path === null),
    });
    return 0;
  });
}

/** Names whose values it gets, the key of an endpoint among them. */
function namesSeen({ adapter, env, options }: ModelEntry): readonly string[] {
  const [key, base] = [options['key-env'], options['base-url']];
  if (typeof key === 'string') return [...new Set([...env, key])];
  if (adapter !== 'http' || base !== undefined) return env;
  return [options['api'] === 'anthropic' ? 'ANTHROPIC_API_KEY' : 'OPENAI_API_KEY'];
}

/**
 * Who gets what: an address that the entry names, a wrapper, or its own program, and anyone
 * behind those. Null for an adapter's program, which names it itself.
 */
function describeLeaving(entry: ModelEntry): string | null {
  const { adapter, options, wrapper, command } = entry;
  const names = namesSeen(entry);
  const values = names.length === 0 ? '' : `the value of ${names.join(', ')}`;
  if (adapter === 'http') {
    const base = options['base-url'];
    const to = typeof base === 'string' ? base : 'the provider that "api" names';
    return `messages${values === '' ? '' : ` and ${values}`} to ${to}`;
  }
  const through = [wrapper[0], command[0]].filter((word) => word !== undefined);
  return values === '' || through.length === 0 ? null : `${values} to ${through.join(' and ')}`;
}

/**
 * What an operator must know before saying yes: everything that decides what runs, with which
 * rights to what.
 */
export function describeEntry(entry: ModelEntry): readonly string[] {
  const program =
    entry.command.length > 0 ? quote(entry.command) : `the program of adapter "${entry.adapter}"`;
  const facts: readonly (readonly [string, string | null])[] = [
    ['adapter', entry.adapter],
    ['runs', entry.wrapper.length > 0 ? `${quote(entry.wrapper)} ${program}` : program],
    ['model', entry.model],
    [
      'effects',
      entry.effects === 'external' ? 'external: it may change things on this host' : 'none',
    ],
    ['cwd', entry.cwd ?? 'an empty scratch directory'],
    ['env', namesSeen(entry).length === 0 ? 'nothing of yours' : namesSeen(entry).join(', ')],
    ['gives', describeLeaving(entry)],
    [
      'trust',
      entry.trustCheckout
        ? 'not of a checkout: "trust-checkout" counts in this host\'s own models.yaml only'
        : null,
    ],
    [
      'asks',
      entry.permissions === null
        ? null
        : `${entry.permissions.ask.join(', ') || 'the asker'}, for what it may not do on its own`,
    ],
    ['send', describeSending(entry)],
    ['takes', entry.acceptFrom === null ? null : `messages of ${entry.acceptFrom.join(', ')} only`],
    ['projects', entry.projects === null ? null : `${entry.projects.join(', ')} only`],
    ['fallback', entry.fallback.length === 0 ? null : entry.fallback.join(', ')],
    [
      'limits',
      `${formatDuration(entry.timeoutMs)} each, ${entry.concurrency} at a time, ${entry.attempts} attempts`,
    ],
    ['options', Object.keys(entry.options).length === 0 ? null : JSON.stringify(entry.options)],
  ];
  return facts.flatMap(([key, value]) =>
    value === null ? [] : [`${key.padEnd(9)}${spellUnsafe(value)}`],
  );
}

function describeSending({ maySend }: ModelEntry): string | null {
  if (maySend === 'all') return 'it may send messages to other models';
  return maySend.length === 0 ? null : `it may send messages to ${maySend.join(', ')} only`;
}

function quote(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w./:@%+=,-]+$/.test(word) ? word : JSON.stringify(word)))
    .join(' ');
}

function isWaiting({ state }: ModelOffer): boolean {
  return state.kind === 'unapproved' || state.kind === 'changed-since-approval';
}

function findModel(views: readonly ModelView[], name: string): ModelView {
  const view = views.find(({ offer }) => offer.name === name);
  if (view === undefined) {
    const near = suggestName(
      name,
      views.map(({ offer }) => offer.name),
    );
    throw new CrosstalkError(
      'NOT_FOUND',
      `no model "${name}" in models.yaml${near === null ? '' : `; did you mean "${near}"?`}`,
      { fix: 'crosstalkd models' },
    );
  }
  const { state } = view.offer;
  if (state.kind === 'older')
    throw new CrosstalkError('CONFIG_INVALID', `model "${name}" is ${sayReason(state)}`, {
      fix: 'crosstalkd upgrade-transport',
    });
  if (state.kind !== 'invalid') return view;
  throw new CrosstalkError('CONFIG_INVALID', `model "${name}": ${sayReason(state)}`, {
    fix: fixOf(state),
  });
}

function listWaiting(invocation: Invocation, waiting: readonly ModelView[]): number {
  const { io } = invocation;
  if (wantsJson(invocation))
    printJson(invocation, {
      ok: true,
      health: waiting.length === 0 ? 'good' : 'degraded',
      waiting: waiting.flatMap(({ offer }) => entryToJson(offer.entry)),
    });
  else {
    for (const { offer, reason } of waiting) {
      io.print(`${paint(io, 'bold', offer.name)}  ${sayReason(reason)}`);
      if (offer.entry !== null) printEntry(io, offer.entry);
    }
    if (waiting.length === 0) io.print('nothing waits for approval on this host');
    else
      io.print(
        `\nto approve: crosstalkd allow ${waiting.map(({ offer }) => offer.name).join(' ')}`,
      );
  }
  return waiting.length === 0 ? 3 : 0;
}

interface ShownEntry {
  readonly fresh: readonly ModelEntry[];
  /** Names that needed no approval. */
  readonly before: readonly string[];
  readonly missing: readonly ModelView[];
}

function printApproved(invocation: Invocation, { fresh, before, missing }: ShownEntry): void {
  const { io } = invocation;
  if (wantsJson(invocation)) {
    printJson(invocation, {
      ok: true,
      health: missing.length === 0 ? 'good' : 'degraded',
      approved: fresh.flatMap(entryToJson),
      unchanged: before,
      missing: missing.map(({ offer }) => offer.name),
    });
    return;
  }
  for (const entry of fresh) {
    io.print(
      `${paint(io, 'green', 'approved')} ${paint(io, 'bold', entry.name)}: this host runs for it`,
    );
    printEntry(io, entry);
  }
  for (const name of before)
    io.print(
      `${name} needs no approval: it is served already, or stands in this host's own models.yaml`,
    );
  if (fresh.length === 0 && before.length === 0)
    io.print('nothing waits for approval on this host');
  for (const { offer, program } of missing)
    io.warn(
      `${offer.name}: the program "${oneLine(program?.name ?? '', 80)}" is not installed here: crosstalkd models`,
    );
}

function printEntry(io: Io, entry: ModelEntry): void {
  for (const line of describeEntry(entry)) io.print(`  ${line}`);
}

function entryToJson(entry: ModelEntry | null): readonly Readonly<Record<string, unknown>>[] {
  if (entry === null) return [];
  const { name, adapter, model, command, wrapper, effects, cwd, env, options, hash } = entry;
  const { maySend, acceptFrom, projects } = entry;
  return [
    {
      ...{ name, adapter, model, command, wrapper, effects, cwd, env },
      ...{ may_send: maySend, accept_from: acceptFrom, projects, options, hash },
    },
  ];
}
