/** The operator's own models.yaml of this host, which wins over the transport's. */
import { CrosstalkError } from '../base/errors.ts';
import type { ModelsFile } from '../protocol/models.ts';
import { decodeModels } from '../protocol/decode-models.ts';
import { type ConfigDirectory, readConfigFile } from './config-directory.ts';

/**
 * The entries of the host; no file is none. Throws CONFIG_INVALID when nothing of it can be read:
 * then nobody knows what it was meant to overrule.
 */
export async function readHostModels(directory: ConfigDirectory): Promise<ModelsFile> {
  const models = decodeModels((await readConfigFile(directory.modelsFile)) ?? '');
  const [problem] = models.problems;
  if (models.isReadable || problem === undefined) return models;
  const { line, found, expected } = problem;
  throw new CrosstalkError(
    'CONFIG_INVALID',
    `${directory.modelsFile} line ${line}: found ${found}; expected ${expected}`,
    { fix: 'crosstalkd doctor' },
  );
}
