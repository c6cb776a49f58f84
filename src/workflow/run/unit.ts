/**
 * A unit: one item of a step in one pass, with what its expressions see and where its files stand.
 * Pure but for the memo.
 */
import type { Step } from '../language/plan.ts';
import { readField, type Values } from '../language/expression-evaluate.ts';
import { folderOfStep, formatTurn, ONLY_KEY } from '../../protocol/run-paths.ts';
import { isJsonObject, type Json, type JsonObject } from '../language/json.ts';
import { ancestorsInOrder, isBefore } from '../language/reach.ts';
import type { Fold, Level, Outcome, Visible } from './fold.ts';
import { outcomeValue } from './fold-context.ts';
import type { Round } from './rounds.ts';
import type { Item } from './fold-items.ts';
import { keepValue } from './fold-memo.ts';
import { sumUse } from '../../protocol/usage.ts';
import { usedBefore, usedByAll } from './used-before.ts';

/** One item of a step in one pass. */
export interface Unit {
  readonly step: Step;
  readonly level: Level;
  readonly values: Values;
  /** The finished steps it may read. */
  readonly visible: Visible;
  /** `steps/<step>/`. */
  readonly stepFolder: string;
  /** Key of the item, or null for a step without items. */
  readonly key: string | null;
  /** `r2-n3-`: round and pass. */
  readonly prefix: string;
  readonly pass: number;
  readonly turn: string;
  readonly atMs: number;
  readonly notes: readonly string[];
}

/** The folder of a candidate, of the synthesis (`join`), or of the only task. */
export function unitFolder(unit: Unit, candidate: string | null): string {
  const { stepFolder, prefix, key } = unit;
  if (key === null) return `${stepFolder}${prefix}${candidate ?? ONLY_KEY}/`;
  return candidate === null
    ? `${stepFolder}${prefix}${key}/`
    : `${stepFolder}${prefix}${key}/${candidate}/`;
}

/** The names a step's own checks and conditions see: everything before it, and itself. */
export function withSelf(values: Values, id: string, self: Outcome): Values {
  return withChildren(values, new Map([[id, self]]));
}

/** The values with more names, which count before theirs. */
function withNames(values: Values, names: ReadonlyMap<string, Json>): Values {
  const of = (name: string): Values => (names.has(name) ? names : values);
  return {
    get: (name) => of(name).get(name),
    field: (name, key) => readField(of(name), name, key),
  };
}

/** A step in its round, and what the steps before it came to. */
export interface StepContext {
  readonly step: Step;
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly round: Round;
  /** All that the step is given, for the memo. */
  readonly inputs: readonly unknown[];
}

/** The finished steps that a step may read. Looked up one by one: in a chain they are many. */
function visibleTo({ steps, outer }: Level, { step, outcomes }: StepContext): Visible {
  return {
    get: (id) => (isBefore(id, step, steps) ? outcomes.get(id) : undefined) ?? outer.get(id),
    entries: () =>
      new Map([
        ...outer.entries(),
        ...ancestorsInOrder(step.id, steps).flatMap((id) => {
          const known = outcomes.get(id);
          return known === undefined ? [] : [[id, known] as const];
        }),
      ]).entries(),
  };
}

/** What the expressions of a step see. What the run has spent is what the steps before it have. */
function valuesOf({ values, outer, steps }: Level, context: StepContext, visible: Visible): Values {
  const { step, outcomes } = context;
  const spent = (): JsonObject => {
    const run = values.get('run');
    const used = sumUse([usedByAll(outer), usedBefore(step, { steps, outcomes })]);
    return { ...(isJsonObject(run) ? run : {}), ...used };
  };
  const beside = (name: string): Json | undefined =>
    name === 'run' ? spent() : name === 'steps' ? {} : values.get(name);
  return withChildren({ get: beside }, visible);
}

/** A step that may begin. */
export function unitOf(level: Level, context: StepContext): Unit {
  const { step, outcomes, round } = context;
  const visible = visibleTo(level, context);
  const atMs = Math.max(level.atMs, ...step.needs.map((need) => outcomes.get(need)?.atMs ?? 0));
  return {
    step,
    level,
    values: valuesOf(level, context, visible),
    visible,
    stepFolder: folderOfStep(level.folder, step.id),
    key: null,
    prefix: formatTurn({ round: round.round, pass: 1 }),
    pass: 1,
    turn: turnOf(level.turn, round),
    atMs: Math.max(atMs, round.atMs),
    notes: round.notes,
  };
}

/** Work that was sent back is done again, also where nothing in its prompt says so. */
function turnOf(turn: string, { round }: Round): string {
  return round === 1 ? turn : [turn, `r${String(round)}`].filter((part) => part !== '').join('.');
}

/** The unit of one item of a list step. */
export function itemUnit(fold: Fold, unit: Unit, item: Item): Unit {
  const { key } = item;
  return keepValue(
    fold.memo,
    { key: `unit ${unit.stepFolder}${key}`, basis: [unit, item] },
    () => ({
      ...unit,
      key,
      values: withNames(unit.values, item.names),
    }),
  );
}

interface Pass {
  readonly pass: number;
  /** What its steps came to in the pass before; empty in the first. */
  readonly before: ReadonlyMap<string, Outcome>;
  readonly atMs: number;
}

/** The unit of one pass of a loop. */
export function passUnit(fold: Fold, unit: Unit, { pass, before, atMs }: Pass): Unit {
  const { step, stepFolder, key, prefix, turn, values } = unit;
  return keepValue(
    fold.memo,
    {
      key: `pass ${String(pass)} ${stepFolder}${key ?? ''}`,
      basis: [unit, atMs, ...before.values()],
    },
    () => {
      const members =
        step.body.kind === 'group' ? step.body.steps.map((child) => child.id) : [step.id];
      const valueOf = (of: Outcome | undefined): Json =>
        of === undefined ? null : outcomeValue(of);
      const prev = Object.fromEntries(members.map((id) => [id, valueOf(before.get(id))]));
      return {
        ...unit,
        atMs,
        pass,
        prefix: `${prefix}${formatTurn({ round: 1, pass })}`,
        turn: pass === 1 ? turn : [turn, String(pass)].filter((part) => part !== '').join('.'),
        values: withNames(values, new Map([['loop', { n: pass, prev }]])),
      };
    },
  );
}

/** The names that `until` of a group sees: also the steps inside it. */
export function withChildren(values: Values, children: Visible): Values {
  return {
    get: (name) => {
      const value = values.get(name);
      if (name !== 'steps') return value;
      const inner = [...children.entries()].map(([id, each]) => [id, outcomeValue(each)] as const);
      return { ...(isJsonObject(value) ? value : {}), ...Object.fromEntries(inner) };
    },
    field: (name, key) => {
      const child = name === 'steps' ? children.get(key) : undefined;
      return child === undefined ? readField(values, name, key) : outcomeValue(child);
    },
  };
}

/** What the people asked should see: what the steps before said, shortened. */
export function contextOf({ step, visible }: Unit): string {
  return step.needs
    .flatMap((need) => {
      const text = visible.get(need)?.text.trim() ?? '';
      return text === ''
        ? []
        : [`## ${need}\n\n${text.length > 4_000 ? `${text.slice(0, 4_000)}…` : text}`];
    })
    .join('\n\n');
}
