/**
 * What `doctor` says of this host's configuration: who may write it, whether it can be read, and
 * who may read the keys in it.
 */
import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { type ConfigDirectory, locateConfigDirectory } from '../../local/config-directory.ts';
import { isOurs } from '../../local/durable-file.ts';
import { readConfig } from '../../local/read-config.ts';
import type { Projects } from '../../local/config.ts';
import { expandHome, homeOf } from '../../local/state-directory.ts';
import { tellIdleRights } from '../../local/trust-store.ts';
import { wakeSecretFile } from '../../local/wake-secret.ts';
import type { Invocation } from '../command.ts';
import { type Finding, fine, trouble } from './finding.ts';
import { hostname } from '../session/host-name.ts';
import { findProjects } from '../session/find-projects.ts';
import { fixBy, fixByHand, withNote } from '../../base/fix.ts';

/**
 * Findings about the configuration. What is wrong with permissions comes first: the rest shows when
 * that is fixed.
 */
export async function examineConfig({ env }: Invocation): Promise<readonly Finding[]> {
  const directory = locateConfigDirectory(env);
  const open = await examinePermissions(directory);
  if (open.length > 0) return open;
  try {
    const read = await readConfig({ env, flags: {}, hostname: hostname() });
    const [warning] = read.warnings;
    const idle = tellIdleRights(read.config);
    return [
      warning === undefined
        ? fine('configuration', directory.path)
        : trouble('warn', 'configuration', { says: warning, fix: 'crosstalkd status --config' }),
      ...(idle === null
        ? []
        : [trouble('warn', 'rights', { says: idle, fix: fixBy`crosstalkd trust on` })]),
      ...(await examineProjects(read.config.projects, env)),
    ];
  } catch (error) {
    const fix = error instanceof CrosstalkError ? error.fix : null;
    return [trouble('bad', 'configuration', { says: errorText(error), fix })];
  }
}

/** A message for a project that is not a directory here would fail each time it is tried. */
async function examineProjects(
  projects: Projects,
  env: Invocation['env'],
): Promise<readonly Finding[]> {
  const home = homeOf(env);
  const said = [
    ...Object.entries(projects.named).map(([name, path]) => [`"${name}" is `, path] as const),
    ...projects.listed.map((path) => ['', path] as const),
  ];
  const missing = await Promise.all(
    said.map(async ([name, written]) => {
      const path = expandHome(written, home);
      const isThere = await stat(path).then(
        (one) => one.isDirectory(),
        () => false,
      );
      const says = `projects: ${name}${path}, which is not a directory`;
      const fix = fixByHand('correct "projects:" in config.yaml, or make the directory');
      return isThere ? [] : [trouble('bad', 'projects', { says, fix })];
    }),
  );
  const { unclear } = await findProjects(projects, { url: null, env });
  return [
    ...missing.flat(),
    ...[...unclear].map(([name, directories]) =>
      trouble('warn', 'projects', {
        says: `projects: ${directories.join(' and ')} are both called "${name}" by their remotes, so neither has that name`,
        fix: fixByHand(`name them in config.yaml: "projects: [{ ${name}: DIR }, …]"`),
      }),
    ),
  ];
}

/** Files whose permissions we can fix ourselves; those of other users are for the administrator. */
async function examinePermissions(directory: ConfigDirectory): Promise<readonly Finding[]> {
  const written = [
    directory.path,
    directory.configFile,
    directory.modelsFile,
    directory.approvalsFile,
  ];
  const secret = [wakeSecretFile(directory), join(directory.path, 'service.env')];
  const findings = [
    ...written.map((path) =>
      examineMode(path, {
        name: 'configuration',
        forbidden: 0o022,
        says: 'may write it, and crosstalkd runs what it says',
      }),
    ),
    ...secret.map((path) =>
      examineMode(path, { name: 'secrets', forbidden: 0o077, says: 'may read the keys in it' }),
    ),
  ];
  return (await Promise.all(findings)).filter((finding) => finding !== null);
}

async function examineMode(
  path: string,
  {
    name,
    forbidden,
    says,
  }: { readonly name: string; readonly forbidden: number; readonly says: string },
): Promise<Finding | null> {
  const found = await stat(path).catch(() => null);
  if (found === null || !isOurs(found.uid) || (found.mode & forbidden) === 0) return null;
  const isOpenToAll = (found.mode & forbidden & 0o007) !== 0;
  // A secret that others can read is refused; a group may be meant to write the configuration.
  return trouble(isOpenToAll || forbidden === 0o077 ? 'bad' : 'warn', name, {
    says: `${path}: ${isOpenToAll ? 'every user' : 'its group'} ${says}`,
    fix: withNote(
      fixBy`chmod ${forbidden === 0o022 ? 'go-w' : '600'} ${path}`,
      'after checking what it says',
    ),
    repair: async () => {
      await chmod(path, found.mode & ~forbidden & 0o7777);
      return `only its owner may ${forbidden === 0o022 ? 'write' : 'read'} ${path} now; check what it says`;
    },
  });
}
