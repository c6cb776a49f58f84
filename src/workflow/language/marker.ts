/**
 * A marker: the message that asks for a workflow. What it asks, which channel its run lives in, and
 * what is wrong with it.
 */
import { createHash } from 'node:crypto';
import type { Message } from '../../protocol/message.ts';
import { isPortable, NOT_PORTABLE, slugName } from '../../protocol/names.ts';
import { channelOf } from '../../protocol/paths.ts';
import { listInputs } from '../../protocol/subject.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { coerceInput, describeInput } from './input-decode.ts';
import { KEYS } from './keys.ts';
import type { InputProblem, Plan, Problem } from './plan.ts';
import {
  createTaker,
  type Mapping,
  mappingAt,
  refuseUnknownKeys,
  type Report,
  takeBelow,
} from './read-keys.ts';
import { decodeModels } from './field-decode.ts';
import { type Source, sourceOf } from './source.ts';

/** Fields of any message; a marker may carry them beside the keys of the language. */
export const MESSAGE_KEYS =
  'to from timestamp re subject as hops wait priority project files type child_channel dispatch_host workflow_phase retries op run step key kind content_key'.split(
    ' ',
  );
/** What a marker may set over the saved or compiled workflow that it starts. */
export const OVERRIDES = [
  'name',
  'model',
  'budget',
  'max-parallel',
  'fail-fast',
  'concurrency',
  'dry-run',
  'follow',
  'dispatch_host',
  'output',
];

/**
 * The run whose finished results are taken over. `at` names the commit it is read at; `from` the
 * first step that runs again.
 */
export interface Fork {
  readonly run: string;
  readonly at: string | null;
  readonly from: string | null;
}

export interface Marker {
  readonly kind: 'steps' | 'uses' | 'prose';
  readonly source: Source;
  /** Name of the saved workflow. */
  readonly uses: string | null;
  readonly given: JsonObject;
  readonly compileModels: readonly string[];
  /** A person looks at the compiled plan before it runs. */
  readonly compileReview: boolean;
  readonly fork: Fork | null;
  readonly problems: readonly Problem[];
}

/** The marker in a message of `type: workflow`. */
export function readMarker(message: Message): Marker {
  const known = markers.get(message) ?? decodeMarker(message);
  markers.set(message, known);
  return known;
}

/** A message never changes; both are asked for with every fold. */
const markers = new WeakMap<Message, Marker>();
const sources = new WeakMap<Message, Source>();

function readSourceOf(message: Message): Source {
  const known = sources.get(message) ?? sourceOf(message);
  sources.set(message, known);
  return known;
}

function decodeMarker(message: Message): Marker {
  const source = readSourceOf(message);
  const problems: Problem[] = [...source.problems];
  const report: Report = (path, text, suggestion = null) =>
    problems.push({ ...source.placeOf(path), message: text, suggestion });
  const mapping: Mapping = { raw: source.raw, path: [], report };
  const take = createTaker(mapping);
  const kind =
    source.raw['steps'] !== undefined
      ? 'steps'
      : source.raw['uses'] !== undefined
        ? 'uses'
        : 'prose';
  refuseUnknownKeys(mapping, [...KEYS.marker, ...KEYS.run, ...MESSAGE_KEYS], 'a workflow marker');
  if (kind === 'steps' && source.raw['uses'] !== undefined)
    report(['uses'], 'a marker has either "steps" or "uses"');
  if (kind === 'prose' && message.body.trim() === '' && problems.length === 0)
    report(
      [],
      'the marker asks for nothing',
      'write the task as text, or give "steps:" or "uses:"',
    );
  return {
    kind,
    source,
    uses: kind === 'uses' ? take.text('uses') : null,
    given: mappingAt(mapping, 'with').raw,
    ...decodeCompile(mapping),
    fork: decodeFork(mapping),
    problems,
  };
}

/**
 * The channel of the run that a marker opens: `child_channel`, else derived from its name and path.
 */
export function runChannel(path: string, message: Message): string {
  const given = message.fields.childChannel;
  if (given !== null) return given;
  const slug = slugName(nameOf(message, readSourceOf(message).raw) ?? 'run', 'run')
    .replaceAll(/[._]+/g, '-')
    .slice(0, 40)
    .replace(/(?<!-)-+$/, '');
  return `${slug === '' ? 'run' : slug}-${createHash('sha256').update(path).digest('hex').slice(0, 10)}`;
}

/**
 * A marker in `git log`: its name and inputs, `review3 (topic: leases)`. Null for other messages,
 * and for one without a name, whose first line says more.
 */
export function tellMarker(message: Message): string | null {
  if (message.fields.type !== 'workflow') return null;
  const { raw } = readSourceOf(message);
  const name = nameOf(message, raw);
  const inputs = raw['with'];
  return name === null ? null : `${name}${isJsonObject(inputs) ? listInputs(inputs) : ''}`;
}

function nameOf({ fields }: Message, raw: JsonObject): string | null {
  return (
    [raw['name'], raw['uses'], fields.subject].find(
      (each): each is string => typeof each === 'string' && each !== '',
    ) ?? null
  );
}

/**
 * Why the run may not live in `run`, or null. `marker` is that of RUN.json there, `files` what
 * stands there that is not its description and was not begun by an older program.
 */
export function channelProblem(
  path: string,
  run: string,
  existing: { readonly files: number; readonly marker: string | null },
): string | null {
  if (run === channelOf(path)) return `child_channel "${run}" is the channel of the marker itself`;
  if (existing.marker !== null && existing.marker !== path)
    return `child_channel "${run}" is the channel of another run`;
  if (existing.marker !== null) return null;
  if (existing.files > 0) return `child_channel "${run}" is a channel that exists already`;
  return isPortable(run) ? null : `child_channel "${run}" is ${NOT_PORTABLE}`;
}

/** The inputs of a run in their types, or what is wrong with those given. */
export function resolveInputs(
  plan: Pick<Plan, 'inputs'>,
  given: JsonObject,
): { readonly inputs: JsonObject; readonly problems: readonly InputProblem[] } {
  const problems: InputProblem[] = [];
  const say = (name: string, kind: InputProblem['kind'], message: string): void =>
    void problems.push({ name, kind, message });
  const names = plan.inputs.map((input) => input.name);
  for (const key of Object.keys(given))
    if (!names.includes(key))
      say(
        key,
        'unknown',
        `there is no input "${key}"; inputs: ${names.length === 0 ? 'none' : names.join(', ')}`,
      );
  const inputs = plan.inputs.map((input) => {
    const { name, fallback } = input;
    const value = Object.hasOwn(given, name) ? (given[name] ?? null) : null;
    const used = value ?? fallback;
    const fitted = used === undefined ? null : coerceInput(input, used);
    if (used === undefined && input.required)
      say(name, 'missing', `the input "${name}" is missing`);
    if (fitted === undefined)
      say(name, 'unfit', `the input "${name}" must be ${describeInput(input)}`);
    return [name, fitted ?? null] as const;
  });
  return { inputs: Object.fromEntries(inputs), problems };
}

function decodeCompile(outer: Mapping): Pick<Marker, 'compileModels' | 'compileReview'> {
  const { mapping, take } = takeBelow(outer, 'compile', KEYS.compile);
  return {
    compileModels: decodeModels(mapping, 'model'),
    compileReview: take.flag('review') ?? false,
  };
}

function decodeFork(outer: Mapping): Fork | null {
  if (outer.raw['fork'] === undefined) return null;
  const { mapping, take } = takeBelow(outer, 'fork', KEYS.fork);
  const run = take.text('run');
  if (run === null) outer.report(mapping.path, '"fork" needs a "run"');
  return run === null ? null : { run, at: take.text('at'), from: take.text('from') };
}
