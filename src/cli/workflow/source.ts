/**
 * The workflow that a person names: a saved one of the transport or a file, its check, and the
 * marker that starts it.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CrosstalkError } from '../../base/errors.ts';
import { suggestName } from '../../protocol/address.ts';
import { MESSAGE_BYTES_MAX, readFrontMatter } from '../../protocol/front-matter.ts';
import { isName } from '../../protocol/names.ts';
import { PERSONA_FOLDERS, SCHEMAS, workflowFile, WORKFLOWS } from '../../protocol/paths.ts';
import type { Repository } from '../../transport/repository.ts';
import type { Oid } from '../../base/ids.ts';
import { knownOf, NOBODY } from '../../protocol/who-can-be-asked.ts';
import { isMapping, readYamlMapping } from '../../protocol/yaml.ts';
import { readFolder } from '../../transport/read-folder.ts';
import type { WorkflowCheckOptions } from '../../workflow/language/check.ts';
import { decodeInputs } from '../../workflow/language/input-decode.ts';
import type { Json, JsonObject } from '../../workflow/language/json.ts';
import type { InputSpec } from '../../workflow/language/plan.ts';
import { readSource } from '../../workflow/language/source.ts';
import type { CompileOptions } from '../../workflow/run/compile.ts';
import type { Invocation } from '../command.ts';
import type { Surroundings } from '../look/look-around.ts';
import { startDirectory } from '../look/reading.ts';
import { askableNow } from '../look/askable.ts';
import { fixBy, fixByHand, withNote } from '../../base/fix.ts';

/** What was found under a name. */
export interface WorkflowText {
  /** As errors name it: the file as it was given, or its path in the transport. */
  readonly label: string;
  readonly text: string;
  /** Name of the saved workflow; null for a file of the disk. */
  readonly saved: string | null;
}

/** What is known of the transport; `null` without one. */
export async function readCheckOptions(
  around: Surroundings | null,
): Promise<WorkflowCheckOptions & CompileOptions & { readonly saved: readonly string[] }> {
  const tip = around?.index.tip ?? null;
  if (around === null || tip === null)
    return {
      ...knownOf(NOBODY),
      models: null,
      saved: [],
      savedWorkflow: () => null,
      schemaFile: () => null,
    };
  const { repository } = around.session;
  const workflows = await readFolder(repository, { commit: tip, folder: WORKFLOWS }, new Map());
  const schemas = await readFolder(repository, { commit: tip, folder: SCHEMAS }, new Map());
  return {
    ...knownOf(askableNow(around)),
    personas: await listPersonas(repository, tip),
    savedWorkflow: (name) => workflows.get(workflowFile(name)) ?? null,
    schemaFile: (path) => workflows.get(path) ?? schemas.get(path) ?? null,
    saved: [...workflows.keys()].flatMap(
      (path) => /^data\/workflows\/([^/]+)\.md$/.exec(path)?.[1] ?? [],
    ),
  };
}

/** The files of personas where names are looked for. */
export async function listPersonas(repository: Repository, tip: Oid): Promise<readonly string[]> {
  const folders = await Promise.all(
    PERSONA_FOLDERS.map((folder) => readFolder(repository, { commit: tip, folder }, new Map())),
  );
  return folders.flatMap((files) => [...files.keys()]);
}

/** What is known of the transport. */
export type Known = Awaited<ReturnType<typeof readCheckOptions>>;

/**
 * The workflow named: a saved one by its name, else a file. Throws NOT_FOUND naming what is near.
 */
export async function readWorkflow(
  invocation: Invocation,
  known: Known,
  asked: string,
): Promise<WorkflowText> {
  const text = isName(asked) ? known.savedWorkflow(asked) : null;
  if (text !== null) return { label: workflowFile(asked), text, saved: asked };
  const file = await readFile(resolve(startDirectory(invocation), asked)).catch(() => null);
  if (file !== null && file.length <= MESSAGE_BYTES_MAX)
    return { label: asked, text: file.toString('utf8'), saved: null };
  if (file !== null)
    throw new CrosstalkError(
      'MESSAGE_REJECTED',
      `${asked} has ${file.length} bytes; expected at most ${MESSAGE_BYTES_MAX}`,
    );
  const here = resolve(startDirectory(invocation), workflowFile(asked));
  if (isName(asked) && (await readFile(here).catch(() => null)) !== null)
    throw new CrosstalkError(
      'NOT_FOUND',
      `${workflowFile(asked)} is in this directory but not on the remote yet, so "${asked}" is not a saved workflow`,
      {
        fix: withNote(
          fixBy`crosstalkd workflow check ${workflowFile(asked)}`,
          'or commit and push it',
        ),
      },
    );
  const near = suggestName(asked, known.saved);
  throw new CrosstalkError(
    'NOT_FOUND',
    `"${asked}" is neither a file nor a saved workflow${near === null ? '' : `; did you mean "${near}"?`}`,
    {
      fix:
        known.saved.length === 0
          ? fixBy`crosstalkd workflow run FILE`
          : fixByHand(`saved workflows: ${known.saved.join(', ')}`),
    },
  );
}

/**
 * The inputs of `-i key=value` and `-i key=@file`: JSON where the workflow says so, else text,
 * which the check makes a number or a truth of. Throws USAGE.
 */
export async function readInputs(
  invocation: Invocation,
  specs: readonly InputSpec[],
): Promise<JsonObject> {
  const inputs: Record<string, Json> = {};
  for (const given of invocation.options.get('input') ?? []) {
    const [, key, value = ''] = /^([A-Za-z_][A-Za-z0-9_-]*)=([\s\S]*)$/.exec(given) ?? [];
    if (key === undefined)
      throw new CrosstalkError('USAGE', `-i "${given}": expected key=value, or key=@file`);
    const text = value.startsWith('@') ? await readInputFile(invocation, value.slice(1)) : value;
    const isJson = specs.some(({ name, type }) => name === key && type === 'json');
    inputs[key] = isJson ? parseInput(key, text) : text;
  }
  return inputs;
}

function parseInput(key: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new CrosstalkError(
      'USAGE',
      `the input "${key}" must be JSON: ${error instanceof Error ? error.message : 'it cannot be read'}`,
      { fix: fixByHand(`-i '${key}=["a", "b"]', or -i ${key}=@file.json`), cause: error },
    );
  }
}

async function readInputFile(invocation: Invocation, name: string): Promise<string> {
  try {
    return await readFile(resolve(startDirectory(invocation), name), 'utf8');
  } catch (error) {
    throw new CrosstalkError('USAGE', `-i: cannot read the file "${name}"`, {
      fix: fixByHand('a value that begins with @ names a file'),
      cause: error,
    });
  }
}

/** The inputs that a workflow says it takes; those of a marker are its saved workflow's. */
export function inputsOf(
  { text }: WorkflowText,
  known: WorkflowCheckOptions,
): readonly InputSpec[] {
  const { raw } = readSource(text);
  const saved = typeof raw['uses'] === 'string' ? known.savedWorkflow(raw['uses']) : null;
  const source = saved === null ? raw : readSource(saved).raw;
  return decodeInputs({ raw: source, path: [], report: () => undefined });
}

/**
 * Front matter and text of the marker that starts a workflow. Throws USAGE for a file that is
 * something else.
 */
export function markerOf(
  source: WorkflowText,
  given: {
    readonly inputs: Readonly<Record<string, unknown>>;
    readonly more: Readonly<Record<string, unknown>>;
  },
): { readonly fields: Readonly<Record<string, unknown>>; readonly body: string } {
  const { inputs, more } = given;
  const hasInputs = Object.keys(inputs).length > 0;
  if (source.saved !== null) {
    const fields = {
      to: 'workflow',
      type: 'workflow',
      subject: source.saved,
      uses: source.saved,
      with: hasInputs ? inputs : undefined,
      ...more,
    };
    return { fields, body: '' };
  }
  const { raw, body } = splitFile(source);
  const { to } = raw;
  const kept = without(raw, ['on', 'to', 'type', 'from', 'timestamp']);
  if (to !== undefined && to !== 'workflow')
    throw new CrosstalkError(
      'USAGE',
      `${source.label} is a message to ${JSON.stringify(to)}, no workflow`,
      { fix: fixBy`crosstalkd send ${source.label}` },
    );
  const own = isMapping(kept['with']) ? kept['with'] : {};
  const both = { ...own, ...inputs };
  return {
    fields: {
      to: 'workflow',
      type: 'workflow',
      subject: kept['name'],
      ...kept,
      with: Object.keys(both).length > 0 ? both : undefined,
      ...more,
    },
    body,
  };
}

/** A file without front matter is a task in prose. */
function splitFile({ text }: WorkflowText): {
  readonly raw: Readonly<Record<string, unknown>>;
  readonly body: string;
} {
  if (!/^(?:\ufeff)?---[ \t]*\r?$/m.test(text.split('\n')[0] ?? '')) return { raw: {}, body: text };
  const read = readFrontMatter(Buffer.from(text));
  const yaml = read.kind === 'read' ? readYamlMapping(read.yaml, 'typed') : null;
  return {
    raw: yaml?.kind === 'mapping' ? yaml.value : {},
    body: read.kind === 'read' ? read.body : '',
  };
}

/** The fields but those named. */
export function without(
  fields: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}
