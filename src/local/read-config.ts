/** Reads this host's settings from where people write them. */
import { CrosstalkError } from '../base/errors.ts';
import type { Config, Origins } from './config.ts';
import {
  checkConfigDirectory,
  locateConfigDirectory,
  readConfigFile,
  type ConfigDirectory,
} from './config-directory.ts';
import { decodeConfig, type ConfigSources } from './decode-config.ts';
import { fixBy, fixByHand, withNote } from '../base/fix.ts';

/** The settings, where each comes from, and what a person should look at. */
export interface ConfigRead {
  readonly config: Config;
  readonly origins: Origins;
  readonly warnings: readonly string[];
  readonly directory: ConfigDirectory;
}

/**
 * Settings of this host. Throws CONFIG_INVALID listing every problem with file and line, or when
 * others may write the configuration.
 */
export async function readConfig(sources: Omit<ConfigSources, 'file'>): Promise<ConfigRead> {
  const directory = locateConfigDirectory(sources.env);
  const warnings = await checkConfigDirectory(directory);
  const text = await readConfigFile(directory.configFile);
  const decoded = decodeConfig({
    ...sources,
    file: text === null ? null : { path: directory.configFile, text },
  });
  if (decoded.kind === 'refused')
    throw new CrosstalkError('CONFIG_INVALID', decoded.problems.join('\n'), {
      fix:
        text !== null && decoded.places.length > 0
          ? withNote(fixBy`crosstalkd doctor`, 'checks it, after you have corrected it')
          : fixByHand('correct the option, variable or line that is named'),
      excerpts: decoded.places.map((place) => ({ text: text ?? '', ...place })),
    });
  return {
    config: decoded.config,
    origins: decoded.origins,
    warnings: [...warnings, ...decoded.warnings],
    directory,
  };
}
