/** `--alias` of `init` and `join`: this host's name from now on. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readConfig } from '../../local/read-config.ts';
import type { Invocation } from '../command.ts';
import { hostname } from '../session/host-name.ts';

/** Throws CONFIG_INVALID for what is not an alias. Looked at before anything is made. */
export async function checkAlias({ env }: Invocation, alias: string | null): Promise<void> {
  await readConfig({ env, flags: alias === null ? {} : { alias }, hostname: hostname() });
}

/** Writes it down, unless the configuration of this host says something already. */
export async function rememberAlias({ env }: Invocation, alias: string): Promise<void> {
  const { directory } = await readConfig({ env, flags: {}, hostname: hostname() });
  if (existsSync(directory.configFile)) return;
  await mkdir(dirname(directory.configFile), { recursive: true, mode: 0o700 });
  await writeFile(
    directory.configFile,
    `# This host's settings; crosstalkd status --config shows all of them.\nalias: ${alias}\n`,
    { mode: 0o600 },
  );
}
