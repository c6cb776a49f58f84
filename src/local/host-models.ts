/** The host's own models.yaml: entries here are the operator's word and need no approval. */
import { decodeModels, type ModelsFile } from '../protocol/models.ts';
import { readConfigFile, type ConfigDirectory } from './config-directory.ts';

/**
 * The host's models; none when the file is missing. Throws CONFIG_INVALID when it cannot be read at
 * all.
 */
export async function readHostModels(directory: ConfigDirectory): Promise<ModelsFile> {
  return decodeModels((await readConfigFile(directory.modelsFile)) ?? '');
}
