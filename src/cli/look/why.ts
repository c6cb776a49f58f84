/**
 * `crosstalkd why`: where a message, run, gate, model or host stands, why, and the command that
 * moves it. It always has an answer.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { shellWord } from '../../base/shell-word.ts';
import { suggestName } from '../../protocol/address.ts';
import { messageId } from '../../protocol/paths.ts';
import type { Invocation } from '../command.ts';
import { createExplainer } from './explain-work.ts';
import { explainMessage, tellRejected, type Told } from './explain-message.ts';
import { tellGate, tellRun, tellRunByPrefix } from './explain-run.ts';
import { liveHosts } from './host-opinions.ts';
import { lookAround, type Surroundings } from './look-around.ts';
import { paint, plain } from '../io.ts';
import { printJson, wantsJson } from './reading.ts';
import { matchId, resolveId } from './resolve-id.ts';
import { listAll } from './read-conversation.ts';
import { describeOffer } from './serving.ts';
import { shortId } from './short-id.ts';
import { findUnsent } from './unsent.ts';
import { lineOfHost } from './status.ts';

/** Explains one thing. */
export async function explain(invocation: Invocation): Promise<number> {
  const asked = invocation.args[0] ?? '';
  const around = await lookAround(invocation);
  try {
    const told = await explainFrom(invocation, around, asked);
    if (wantsJson(invocation))
      printJson(invocation, {
        ok: true,
        health: told.notes.length === 0 ? 'good' : 'degraded',
        ...told,
      });
    else print(invocation, told);
    return 0;
  } finally {
    await around.session.close();
  }
}

/** What is known of a name, a run or a message. Throws NOT_FOUND and ID_AMBIGUOUS. */
export async function explainFrom(
  invocation: Invocation,
  around: Surroundings,
  asked: string,
): Promise<Told & { readonly notes: readonly string[] }> {
  const told =
    (await tellName(around, asked)) ??
    (await tellRun(around, asked)) ??
    (await tellMessage(invocation, around, asked));
  return { ...told, notes: notesOf(around) };
}

/** What limits every answer: it may be old, or nothing runs at all. */
function notesOf({ outage, rewrite }: Surroundings): readonly string[] {
  if (outage !== null)
    return [`the remote does not answer (${outage}); this is as it was at the last look`];
  return rewrite === null
    ? []
    : ['the branch was rewritten; nothing runs until crosstalkd accept-rewrite'];
}

function print({ io }: Invocation, told: Told & { readonly notes: readonly string[] }): void {
  for (const note of told.notes) io.print(paint(io, 'yellow', plain(note)));
  io.print(paint(io, 'bold', plain(told.about)));
  for (const { name, says, fix, hosts } of told.parts) {
    // What follows says it host by host.
    const isRepeated =
      hosts.length > 0 &&
      hosts.some(({ host, says: opinion }) => says.startsWith(`${host}: ${opinion}`));
    const head = isRepeated ? 'no host takes it now' : says;
    io.print(`  ${plain(name === null ? head : `${name}: ${head}`)}`);
    for (const { host, says: opinion } of hosts)
      io.print(paint(io, 'dim', `      ${plain(`${host}: ${opinion}`)}`));
    if (fix !== null) io.print(`    ${paint(io, 'cyan', plain(fix))}`);
  }
}

async function tellName(around: Surroundings, asked: string): Promise<Told | null> {
  const name = asked.toLowerCase();
  const hosts = around.hosts.filter(({ alias }) => alias === name);
  const models = new Set([
    ...around.index.models,
    ...around.offers.map((offer) => offer.name),
    ...around.hosts.flatMap(({ beat }) => beat?.models ?? []),
  ]);
  if (models.has(name)) return tellModel(around, name);
  if (hosts.length > 0 || name === around.here?.alias || name === around.session.config.alias)
    return tellHost(around, name);
  return Promise.resolve(null);
}

function tellModel(around: Surroundings, name: string): Told {
  const explainWork = createExplainer(around);
  const offer = around.offers.find((one) => one.name === name);
  const works = around.works.filter(({ recipient }) => recipient === name);
  const live = liveHosts(around).filter(({ beat }) => beat?.models.includes(name) === true);
  const blocked = around.hosts.flatMap(({ alias, beat }) =>
    (beat?.blocked ?? []).filter(({ model }) => model === name).map((one) => ({ alias, ...one })),
  );
  const here =
    offer === undefined
      ? `has no entry in data/models.yaml or this host's models.yaml`
      : offer.state.kind === 'unapproved'
        ? 'not approved'
        : describeOffer(offer);
  const mayServe =
    offer?.state.kind === 'unapproved' || offer?.state.kind === 'changed-since-approval';
  const fix =
    live.length > 0
      ? null
      : mayServe
        ? `crosstalkd allow ${name}`
        : around.here === null && offer?.state.kind === 'served'
          ? 'crosstalkd run'
          : 'crosstalkd models';
  return {
    kind: 'model',
    about: `${name} is a model; ${live.length === 0 ? 'no host that is up serves it' : `served by ${live.map(({ alias }) => alias).join(', ')}`}`,
    parts: [
      { name: 'on this host', kind: 'here', says: here, fix, hosts: [] },
      ...blocked.map(({ alias, why, untilMs }) => ({
        name: `on ${alias}`,
        kind: 'parked',
        says: `rests${untilMs === null ? '' : ` for ${formatDuration(Math.max(0, untilMs - systemClock.wallMs()))}`}: ${why}`,
        fix: null,
        hosts: [],
      })),
      ...works.slice(0, 20).map((work) => {
        const { kind, says, fix: moves } = explainWork(work);
        return { name: shortId(work.message.path), kind, says, fix: moves, hosts: [] };
      }),
      ...(works.length === 0
        ? [{ name: null, kind: 'idle', says: 'nothing waits for it', fix: null, hosts: [] }]
        : []),
    ],
  };
}

function tellHost(around: Surroundings, alias: string): Told {
  const hosts = around.hosts.filter((host) => host.alias === alias);
  const isHere = around.here?.alias === alias;
  const none = {
    name: null,
    kind: 'down',
    says: 'no dispatcher with this name is up',
    fix: isHere ? null : 'crosstalkd run',
    hosts: [],
  };
  const twins =
    hosts.length > 1
      ? [
          {
            name: null,
            kind: 'twins',
            says: `${hosts.length} hosts have this name; both work, but ${alias} means two machines`,
            fix: 'crosstalkd run --alias <another name>',
            hosts: [],
          },
        ]
      : [];
  const shown = hosts.map((host) => {
    const silent = !liveHosts(around).includes(host);
    const [claim] = host.claims;
    const fix = silent
      ? around.here === null
        ? 'crosstalkd run'
        : null
      : host.beat?.state === 'paused'
        ? 'crosstalkd resume   (there)'
        : null;
    const held = host.claims.flatMap((one) =>
      one.claim === null ? [] : [`${shortId(one.claim.message)} for ${one.claim.recipient}`],
    );
    const says = `${lineOfHost(host, around)}${held.length === 0 ? '; holds nothing' : `; holds ${held.join(', ')}`}`;
    return {
      name: null,
      kind: silent ? 'silent' : (host.beat?.state ?? 'unreadable'),
      says:
        silent && claim !== undefined
          ? `${says}; one lease (${formatDuration(around.session.config.leaseMs)}) of silence and others take over`
          : says,
      fix,
      hosts: [],
    };
  });
  const isDown = hosts.length === 0 && !isHere;
  return {
    kind: 'host',
    about: `${alias} is a host${alias === around.session.config.alias ? ' (this one)' : ''}`,
    parts: [...(isDown ? [none] : []), ...shown, ...twins],
  };
}

async function tellMessage(
  invocation: Invocation,
  around: Surroundings,
  asked: string,
): Promise<Told> {
  const rejected = findRejected(around, asked);
  if (rejected !== null) return rejected;
  try {
    const file = await resolveId(around.session, asked);
    return (await tellGate(around, file)) ?? (await explainMessage(around, file));
  } catch (error) {
    if (!(error instanceof CrosstalkError) || error.code !== 'NOT_FOUND') throw error;
    const run = await tellRunByPrefix(around, asked);
    if (run !== null) return run;
    throw await describeUnknown(invocation, around, asked);
  }
}

/**
 * What is said of a file that is no message, by its path, its name, or its id; the id of a copy is
 * that of the message that counts.
 */
export function findRejected(around: Surroundings, asked: string): Told | null {
  const file = [...around.index.rejected.values()].find(
    ({ path, twinOf }) =>
      path === asked ||
      path.endsWith(`/${asked.replace(/\.md$/, '')}.md`) ||
      (twinOf === undefined && messageId(path) === asked),
  );
  if (file === undefined) return null;
  return tellRejected(file);
}

/** Not in the transport: a file that was never sent, or a slip. */
async function describeUnknown(
  invocation: Invocation,
  around: Surroundings,
  asked: string,
): Promise<CrosstalkError> {
  const { clone } = around.session.located;
  const file = [
    resolve(invocation.cwd, asked),
    ...(clone === null ? [] : [join(clone, asked)]),
  ].find((path) => existsSync(path));
  const unsent = await findUnsent(around.session);
  const draft =
    file === undefined ? unsent?.files.find((path) => messageId(path) === asked) : asked;
  if (draft !== undefined)
    return new CrosstalkError(
      'NOT_FOUND',
      `${draft} is on this disk and not in the transport: it was never sent`,
      {
        fix: `crosstalkd send ${shellWord(draft)}`,
      },
    );
  if (unsent !== null && unsent.commits > 0)
    return new CrosstalkError(
      'NOT_FOUND',
      `"${asked}" is not in the transport, and this clone has commits that were never pushed`,
      {
        fix: 'git pull --rebase && git push',
      },
    );
  const files = await listAll(around.session);
  if (files.some(({ channel }) => channel === asked))
    return new CrosstalkError(
      'NOT_FOUND',
      `"${asked}" is a channel; what stands where is said of its messages`,
      {
        fix: `crosstalkd log ${asked}   (then: crosstalkd why <id>)`,
      },
    );
  const near = suggestName(asked, [
    ...around.index.models,
    ...around.hosts.map(({ alias }) => alias),
    ...files.map(({ stem }) => stem),
  ]);
  const [first] = near === null ? [] : matchId(files, near);
  const hint =
    near === null ? '' : `; did you mean "${first === undefined ? near : messageId(first.path)}"?`;
  return new CrosstalkError(
    'NOT_FOUND',
    `"${asked}" is no message, run, model or host of this transport${hint}`,
    {
      fix: 'crosstalkd log   (or: crosstalkd models, crosstalkd hosts)',
    },
  );
}
