/** Reads a models.yaml as a whole, including the format of versions before 8. */
import { byCodeUnit } from '../base/order.ts';
import { plainName } from './address.ts';
import { decodeEntry, decodeNames } from './decode-model-entry.ts';
import type { ModelEntry, ModelProblem, ModelsFile } from './models.ts';
import { readMappingFile } from './take.ts';
import type { KeyPlace } from './yaml-lines.ts';
import { describe, isMapping, placeOfKey, readYamlMapping } from './yaml.ts';

/** Reads a models.yaml. Never throws: what is wrong is listed, what is right is served. */
export function decodeModels(text: string): ModelsFile {
  const placeOf = (name: string, key: string): KeyPlace => placeOfKey(text, ['models', name, key]);
  const { value, problems: ofFile, refuse } = readMappingFile(text);
  const problems = (): readonly ModelProblem[] => ofFile.map((one) => ({ name: null, ...one }));
  const nothing = { models: new Map(), older: new Map(), compileModels: [], placeOf };
  if (value === null) return { ...nothing, isReadable: false, problems: problems() };
  const older = readOlderModels(value);
  if (older !== null) return { ...nothing, isReadable: true, older, problems: [] };
  const section = value['models'] ?? {};
  if (!isMapping(section)) {
    refuse(['models'], describe(section), '"models:" to be a mapping of names');
    return { ...nothing, isReadable: false, problems: problems() };
  }
  const unknown = Object.keys(value).filter((key) => key !== 'models' && key !== COMPILE_MODEL);
  for (const key of unknown)
    refuse([key], `unknown key "${key}"`, `only "models:" and "${COMPILE_MODEL}:"`);
  // Models that stand beside `models:`, or below another word: nobody meant that there are none.
  const isReadable = unknown.length === 0 || Object.hasOwn(value, 'models');
  const compileModels =
    decodeNames(value[COMPILE_MODEL]) ??
    refuse(
      [COMPILE_MODEL],
      describe(value[COMPILE_MODEL]),
      'the name of a model, or a list of names',
    );
  const models = new Map<string, ModelEntry>();
  const ofEntries: ModelProblem[] = [];
  const asText = readYamlMapping(text, 'text');
  const texts = asText.kind === 'mapping' ? asText.value['models'] : null;
  for (const [name, raw] of Object.entries(section)) {
    const written = isMapping(texts) ? texts[name] : null;
    const decoded = decodeEntry(name, { raw, written });
    if (decoded.kind === 'entry') models.set(name, decoded.entry);
    else
      ofEntries.push(
        ...decoded.problems.map(({ key, ...what }) => ({
          name,
          ...placeOfKey(text, ['models', name, ...(key === null ? [] : [key])]),
          ...what,
        })),
      );
  }
  return {
    isReadable,
    models,
    older: new Map(),
    compileModels: compileModels ?? [],
    problems: [...problems(), ...ofEntries],
    placeOf,
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
