/** Reads a models.yaml as a whole, including the format of versions before 8. */
import { byCodeUnit } from '../base/order.ts';
import { plainName } from './address.ts';
import { decodeEntry, decodeNames } from './decode-model-entry.ts';
import type { ModelEntry, ModelProblem, ModelsFile } from './models.ts';
import { describe, isMapping, lineOfKey, readYamlMapping } from './yaml.ts';

/** Reads a models.yaml. Never throws: what is wrong is listed, what is right is served. */
export function decodeModels(text: string): ModelsFile {
  const lineOf = (name: string, key: string): number => lineOfKey(text, ['models', name, key]);
  const unusable = (line: number, found: string, expected: string): ModelsFile => ({
    isReadable: false,
    models: new Map(),
    older: new Map(),
    compileModels: [],
    problems: [{ name: null, line, found, expected }],
    lineOf,
  });
  const read = readYamlMapping(text, 'typed');
  if (read.kind === 'refused') return unusable(read.line, read.why, read.remedy);
  const older = readOlderModels(read.value);
  if (older !== null) return { ...unusable(0, '', ''), isReadable: true, older, problems: [] };
  const section = read.value['models'] ?? {};
  if (!isMapping(section))
    return unusable(
      lineOfKey(text, ['models']),
      describe(section),
      '"models:" to be a mapping of names',
    );
  const models = new Map<string, ModelEntry>();
  const problems: ModelProblem[] = Object.keys(read.value)
    .filter((key) => key !== 'models' && key !== COMPILE_MODEL)
    .map((key) => ({
      name: null,
      line: lineOfKey(text, [key]),
      found: `unknown key "${key}"`,
      expected: `only "models:" and "${COMPILE_MODEL}:"`,
    }));
  const compileModels = decodeNames(read.value[COMPILE_MODEL]);
  if (compileModels === null)
    problems.push({
      name: null,
      line: lineOfKey(text, [COMPILE_MODEL]),
      found: describe(read.value[COMPILE_MODEL]),
      expected: 'the name of a model, or a list of names',
    });
  const asText = readYamlMapping(text, 'text');
  const texts = asText.kind === 'mapping' ? asText.value['models'] : null;
  for (const [name, raw] of Object.entries(section)) {
    const written = isMapping(texts) ? texts[name] : null;
    const decoded = decodeEntry(name, { raw, written });
    if (decoded.kind === 'entry') models.set(name, decoded.entry);
    else
      problems.push(
        ...decoded.problems.map(({ key, ...what }) => ({
          name,
          line: lineOfKey(text, ['models', name, ...(key === null ? [] : [key])]),
          ...what,
        })),
      );
  }
  return {
    isReadable: true,
    models,
    older: new Map(),
    compileModels: compileModels ?? [],
    problems,
    lineOf,
  };
}

/** The names in the text of data/models.yaml (null: there is none), in code-unit order. */
export function listModelNames(text: string | null): readonly string[] {
  if (text !== lastModels.text) {
    const { models, older } = decodeModels(text ?? '');
    lastModels = { text, names: [...models.keys(), ...older.keys()].sort(byCodeUnit) };
  }
  return lastModels.names;
}

/** Asked for at every commit and hardly ever another: the last answer is kept. */
let lastModels: { readonly text: string | null; readonly names: readonly string[] } = {
  text: null,
  names: [],
};

/**
 * Name → command of a file as programs before 8 wrote it (`opus: claude -p`), in its order; null
 * for every other. A name with a slash is a plain one here.
 */
function readOlderModels(
  file: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, string> | null {
  const entries = Object.entries(file);
  const commands = entries.flatMap(([name, command]) =>
    typeof command === 'string' && command.trim() !== ''
      ? [[plainName(name.toLowerCase()), command.trim()] as const]
      : [],
  );
  const isOlder = !Object.hasOwn(file, 'models') && commands.length === entries.length;
  return isOlder && commands.length > 0 ? new Map(commands) : null;
}

const COMPILE_MODEL = 'compile-model';
