/**
 * `crosstalkd models`: who can be addressed, what answers for each, and what is missing on this
 * host.
 */
import type { ModelOffer } from '../../local/served-models.ts';
import { oneLine } from '../../base/plain-text.ts';
import type { OfferReason, ReasonOf } from '../../protocol/reason.ts';
import { tellReason } from '../../protocol/remedy.ts';
import { formatPrograms, lookAtPrograms, type ProgramView } from './agent-programs.ts';
import type { Invocation } from '../command.ts';
import { formatTable } from '../../base/display-width.ts';
import { findProgram, type Program } from './find-program.ts';
import { lineFor, paint, plain, printFix } from '../io.ts';
import { printJson, wantsJson, withSession } from './reading.ts';
import { askResting, type Resting } from './resting.ts';
import { readModelsInForce, readTrust } from './models-in-force.ts';
import { readOffers } from './serving.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import { MODELS_FILE } from '../../protocol/paths.ts';

/** A model as this host sees it. */
export interface ModelView {
  readonly offer: ModelOffer;
  /** Null when it is unknown or not needed. */
  readonly program: Program | null;
  /** `served`, or why not, or that it rests. */
  readonly reason: OfferReason | ReasonOf<'rests'>;
  readonly isServed: boolean;
}

/** Prints every model of the transport and of this host. */
export function listModels(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const { views: found, programs } = await readModelsAndPrograms(session, invocation.env);
    const resting = new Map((await askResting(session)).map((one) => [one.model, one]));
    const views = found.map((view) => withRest(view, resting.get(view.offer.name)));
    const unreadable = session.mirror.modelsProblem();
    const broken = [
      ...(unreadable === null ? [] : [unreadable]),
      ...decodeModels(session.mirror.modelsText() ?? '').problems,
    ].filter(({ name }) => name === null);
    if (wantsJson(invocation))
      printJson(invocation, {
        ok: true,
        health:
          broken.length === 0 &&
          views.every(({ isServed, reason }) => isServed && reason.kind !== 'rests') &&
          programs.every(isReady)
            ? 'good'
            : 'degraded',
        models: views.map(describeModel),
        programs: programs.map(programToJson),
        problems: broken.map(({ line, found, expected }) => ({ line, found, expected })),
      });
    else print(invocation, views, programs);
    for (const { line, found, expected } of broken)
      invocation.io.warn(
        `${MODELS_FILE} line ${line}: found ${oneLine(found, 200)}; expected ${oneLine(expected, 200)}`,
      );
    return views.length === 0 ? 3 : 0;
  });
}

/**
 * Every model of the data/models.yaml in force with what this host makes of it, in code-unit order
 * of names.
 */
export async function readModelViews(
  session: TransportSession,
  env: Invocation['env'],
): Promise<readonly ModelView[]> {
  const sources = {
    configDirectory: session.configDirectory,
    id: session.id,
    only: session.config.only,
  };
  const text = await readModelsInForce(session, await readTrust(session));
  const offers = await readOffers(sources, text);
  return offers.map((offer) => viewOf(offer, env));
}

/**
 * Every model, and the programs of this host: those that the models start and those that they
 * could.
 */
export async function readModelsAndPrograms(
  session: TransportSession,
  env: Invocation['env'],
): Promise<{ readonly views: readonly ModelView[]; readonly programs: readonly ProgramView[] }> {
  const views = await readModelViews(session, env);
  const programs = await lookAtPrograms(env, {
    entries: views.flatMap(({ offer }) => offer.entry ?? []),
  });
  return { views: views.map((view) => withPlace(view, programs)), programs };
}

/** A model that rests is served, and takes nothing for a while. */
function withRest(view: ModelView, rest: Resting | undefined): ModelView {
  return rest === undefined || !view.isServed
    ? view
    : { ...view, reason: { kind: 'rests', host: null, ...rest } };
}

/** A program that the PATH does not have may stand beside it. */
function withPlace(view: ModelView, programs: readonly ProgramView[]): ModelView {
  const { offer, program } = view;
  if (offer.state.kind !== 'served' || program === null || program.path !== null) return view;
  const beside = programs.find(
    ({ adapter, usedBy }) => adapter === offer.entry?.adapter && usedBy.includes(offer.name),
  );
  return beside === undefined
    ? view
    : {
        ...view,
        reason: { kind: 'program-elsewhere', program: program.name, place: beside.path },
      };
}

function isReady({ usedBy, fix }: ProgramView): boolean {
  return usedBy.length === 0 || fix === null;
}

/** A program as JSON. */
export function programToJson({
  adapter,
  path,
  version,
  signedIn,
  usedBy,
  says,
  fix,
}: ProgramView): Readonly<Record<string, unknown>> {
  return { adapter, path, version, signed_in: signedIn, models: usedBy, says, fix };
}

function viewOf(offer: ModelOffer, env: Invocation['env']): ModelView {
  const program = offer.entry === null ? null : findProgram(offer.entry, env);
  const isMissing = program !== null && program.path === null;
  const isServed = offer.state.kind === 'served' && !isMissing;
  const reason: OfferReason =
    isMissing && offer.state.kind === 'served'
      ? { kind: 'no-program', program: program.name }
      : offer.state;
  return { offer, program, reason, isServed };
}

function print(
  invocation: Invocation,
  views: readonly ModelView[],
  programs: readonly ProgramView[],
): void {
  const { io } = invocation;
  const rows = views.map((view) => [
    view.offer.name,
    shortState(view),
    lineFor(
      io,
      view.offer.entry === null
        ? '-'
        : [view.offer.entry.adapter, view.offer.entry.model ?? ''].join(' ').trim(),
      40,
    ),
    view.offer.entry?.effects ?? '-',
    view.offer.source,
    view.program === null
      ? '-'
      : lineFor(io, view.program.path ?? `${view.program.name} (missing)`, 60),
  ]);
  if (views.length === 0)
    io.warn(
      'no models: write data/models.yaml in the clone, or models.yaml in the configuration directory of this host',
    );
  else
    for (const line of formatTable(
      [['MODEL', 'STATE', 'ADAPTER', 'EFFECTS', 'SOURCE', 'PROGRAM'], ...rows],
      io.columns,
    ))
      io.print(line);
  const lines = formatPrograms(programs, io);
  if (lines.length > 0) io.print('');
  for (const line of lines) io.print(plain(line));
  const waiting = views.flatMap(({ offer, reason }) => {
    const { says, fix } = tellReason(reason);
    return fix === null ? [] : [{ name: offer.name, says, fix }];
  });
  if (waiting.length > 0) io.print('');
  for (const { name, says, fix } of waiting) {
    io.print(`${paint(io, 'yellow', name)}: ${lineFor(io, says, 600)}`);
    printFix(io, fix);
  }
}

function shortState({ offer: { state }, isServed, reason }: ModelView): string {
  if (reason.kind === 'rests') return 'rests';
  switch (state.kind) {
    case 'served':
      return isServed ? 'served' : 'no program';
    case 'unapproved':
      return 'not approved';
    case 'changed-since-approval':
      return 'changed';
    case 'invalid':
      return 'invalid';
    case 'older':
      return 'older form';
    case 'excluded':
      return 'left out';
    default:
      return '-';
  }
}

/** One model as `--json` prints it. */
export function describeModel({ offer, program, reason, isServed }: ModelView) {
  const { says, fix } = tellReason(reason);
  return {
    name: offer.name,
    served: isServed,
    state: offer.state.kind,
    says,
    fix,
    source: offer.source,
    adapter: offer.entry?.adapter ?? null,
    model: offer.entry?.model ?? null,
    effects: offer.entry?.effects ?? null,
    program: program?.name ?? null,
    program_path: program?.path ?? null,
    hash: offer.entry?.hash ?? null,
  };
}
