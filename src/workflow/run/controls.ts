/**
 * What people ask of a running run (`op:`), and the engine's answer to each: a reply beside the
 * message, with what was done.
 */
import { formatIso } from '../../base/clock.ts';
import { suggestName } from '../../protocol/address.ts';
import { writeFrontMatter } from '../../protocol/front-matter.ts';
import { replyPath } from '../../protocol/paths.ts';
import { amount } from '../../protocol/take.ts';
import { describe } from '../../protocol/yaml.ts';
import { begunUndos } from './fold-context.ts';
import type { Json } from '../language/json.ts';
import type { Limits } from '../language/plan.ts';
import type { NewFile, Transition } from './run-input.ts';
import { acknowledged, type Control, type RunMessages } from './run-messages.ts';
import type { Fold } from './fold.ts';

export const OPS = ['pause', 'resume', 'cancel', 'retry', 'budget', 'signal', 'amend'] as const;

const LIMIT_KEYS = ['usd', 'tokens', 'agents', 'minutes'] as const;

function isLimit(value: Json | undefined): value is number {
  return amount().decode(value) !== undefined;
}

/** What a control message comes to: what is said, files that go with it, or why not. */
export interface Handled {
  readonly says: string;
  readonly isRefused: boolean;
  readonly files: readonly NewFile[];
}

/** The next control message that was not answered yet, in order of path. */
export function nextControl(messages: RunMessages): Control | null {
  return (
    messages.controls
      .filter((control) => control.seq === null)
      .sort((a, b) => (a.path < b.path ? -1 : 1))[0] ?? null
  );
}

/** True while the last word is "pause". */
export function isPaused(messages: RunMessages): boolean {
  return acknowledged(messages, ['pause', 'resume']).at(-1)?.op === 'pause';
}

/** The message that cancelled the run, or null. */
export function cancelling(messages: RunMessages): Control | null {
  return acknowledged(messages, ['cancel'])[0] ?? null;
}

/** The limits in force: those of the plan, raised by the last `budget` messages. */
export function limitsNow(limits: Limits, messages: RunMessages): Limits {
  return acknowledged(messages, ['budget']).reduce<Limits>((now, { keys }) => {
    const given = LIMIT_KEYS.flatMap((key) =>
      isLimit(keys[key]) ? [[key, keys[key]] as const] : [],
    );
    return { ...now, ...Object.fromEntries(given) };
  }, limits);
}

/** The transition that answers a control message. `amend` decides about plans. */
export function answerControl(
  fold: Fold,
  control: Control,
  amend: (control: Control) => Handled,
): Transition {
  const isAgent =
    fold.input.lookUp.models.includes(control.from) || control.message.fields.hops > 0;
  const handled = isAgent
    ? refuse(`"${control.from}" is a model; only people control runs`)
    : handle(fold, control, amend);
  const seq = 1 + fold.messages.controls.filter((each) => each.seq !== null).length;
  const fields = {
    to: control.from === 'unknown' ? fold.header.from : control.from,
    from: 'workflow',
    re: control.path,
    timestamp: formatIso(control.atMs),
    op: undefined,
    seq,
    failed: handled.isRefused ? true : undefined,
    error: handled.isRefused ? 'refused' : undefined,
  };
  const reply = {
    path: replyPath(control.path, 'workflow'),
    content: writeFrontMatter(fields, `${handled.says}\n`),
  };
  return {
    name: `${control.op}${handled.isRefused ? ' (refused)' : ''}`,
    words: handled.isRefused
      ? `refused ${control.op} of ${control.from}: ${handled.says}`
      : `${control.op}, as ${control.from} asked`,
    isNews: handled.isRefused,
    files: [reply, ...handled.files],
  };
}

/** An answer that says no. */
export function refuse(says: string): Handled {
  return { says, isRefused: true, files: [] };
}

function handle(fold: Fold, control: Control, amend: (control: Control) => Handled): Handled {
  const op = OPS.find((each) => each === control.op);
  const done = (says: string, files: readonly NewFile[] = []): Handled => ({
    says,
    isRefused: false,
    files,
  });
  switch (op) {
    case undefined: {
      const meant = suggestName(control.op, OPS);
      return refuse(
        `there is no operation "${control.op}"${meant === null ? `; known: ${OPS.join(', ')}` : `; did you mean "${meant}"?`}`,
      );
    }
    case 'pause':
      return done('Paused: running tasks finish, nothing new starts until "op: resume".');
    case 'resume':
      return done('Resumed.');
    case 'cancel':
      return done('Cancelled: open tasks are closed, "finally" steps run.');
    case 'retry': {
      const only: Json | undefined = control.keys['step'];
      const undone = begunUndos(fold);
      const failed = fold.failedChains.filter(
        ({ step }) => typeof only !== 'string' || step === only,
      );
      // A step that continues after what it needs was taken back would say that all is done.
      const chains = failed.filter(({ step }) => undone.size === 0 || undone.has(step));
      if (chains.length < failed.length && chains.length === 0)
        return refuse(
          'the run is undoing what it did; when it has ended, start it again: crosstalkd workflow retry',
        );
      if (chains.length === 0) {
        const spent = fold.spentSteps.filter((id) => typeof only !== 'string' || id === only);
        const why = spent
          .map((id) => `; "${id}" used up its own budget: fork the run with a larger one`)
          .join('');
        return refuse(
          `nothing that failed${typeof only === 'string' ? ` in "${only}"` : ''} can be retried now${why}`,
        );
      }
      return done(
        `Retried: ${chains.map((chain) => chain.name).join(', ')}.`,
        chains.flatMap((chain) => chain.again(control.atMs)),
      );
    }
    case 'budget': {
      const given = LIMIT_KEYS.filter((key) => Object.hasOwn(control.keys, key));
      const odd = given.find((key) => !isLimit(control.keys[key]));
      if (odd !== undefined)
        return refuse(`"${odd}:" is ${describe(control.keys[odd])}; expected a number from 0`);
      if (given.length === 0)
        return refuse('give at least one of usd, tokens, agents, minutes as a number');
      return done(
        `Budget: ${given.map((key) => `${key} ${String(control.keys[key] as number)}`).join(', ')}.`,
      );
    }
    case 'signal':
      return typeof control.keys['event'] === 'string'
        ? done(`Event "${control.keys['event']}" noted.`)
        : refuse('give "event: <name>"');
    case 'amend':
      return amend(control);
  }
}
