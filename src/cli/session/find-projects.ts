/**
 * What the projects of this machine are called. A message names its project after a remote, so
 * that every clone of it, in whatever directory, is found under the same name.
 */
import { resolve } from 'node:path';
import type { Projects } from '../../local/config.ts';
import { expandHome, homeOf, normalizeRemoteUrl } from '../../local/state-directory.ts';
import type { Invocation } from '../command.ts';
import { openPersonGit } from './person-git.ts';
import { findPlace, OWN_REPOSITORY, projectName } from './project.ts';

/** The names of a directory in three ranks: one of an earlier rank says more. */
type Names = readonly [ofTransport: string[], ofOrigin: string[], ofOthers: string[]];

export interface FoundProjects {
  /** Absolute directories by name. */
  readonly byName: Readonly<Record<string, string>>;
  /** Names that say equally much of several directories; none of these has them. */
  readonly unclear: ReadonlyMap<string, readonly string[]>;
}

/** `url`: of the transport; a clone of the repository that it is kept in comes first. */
export interface ProjectsAround {
  readonly url: string | null;
  readonly env: Invocation['env'];
}

/** The projects of a host by name; what its operator named goes before what is found. */
export async function findProjects(
  { named, listed }: Projects,
  around: ProjectsAround,
): Promise<FoundProjects> {
  const home = homeOf(around.env);
  const directories = [...new Set(listed.map((one) => resolve(expandHome(one, home))))];
  const all = await Promise.all(directories.map((one) => namesOf(one, around)));
  const found = new Map<string, string>();
  const unclear = new Map<string, readonly string[]>();
  for (const rank of [0, 1, 2] as const) {
    for (const name of new Set(all.flatMap((names) => names[rank]))) {
      if (found.has(name) || unclear.has(name) || Object.hasOwn(named, name)) continue;
      const having = directories.filter((_, at) => all[at]?.[rank].includes(name));
      const [only = '', ...more] = having;
      if (more.length === 0) found.set(name, only);
      else unclear.set(name, having);
    }
  }
  const said = Object.entries(named).map(([name, one]) => [name, expandHome(one, home)] as const);
  return { byName: Object.fromEntries([...found, ...said]), unclear };
}

/** What messages that are sent from a project call it. */
export async function nameProject(directory: string, around: ProjectsAround): Promise<string> {
  const names = await namesOf(directory, around);
  return names.flat()[0] ?? projectName({ directory }, OWN_REPOSITORY);
}

/** After its remotes; a directory that has none is called as it is. */
async function namesOf(directory: string, { url, env }: ProjectsAround): Promise<Names> {
  const names: Names = [[], [], []];
  const remotes = await readRemotes(directory, env);
  for (const remote of remotes) {
    const isOfTransport = url !== null && samePlace(remote.url, url);
    const rank = isOfTransport ? 0 : remote.name === 'origin' ? 1 : 2;
    names[rank].push(projectName({ directory }, remote.url));
  }
  if (remotes.length === 0) names[2].push(projectName({ directory }, OWN_REPOSITORY));
  return names;
}

/** A remote of a project. */
export interface Remote {
  readonly name: string;
  readonly url: string;
}

/** As they are written in the clone, before `insteadOf` of this machine. */
export async function readRemotes(
  directory: string,
  env: Invocation['env'],
): Promise<readonly Remote[]> {
  const place = findPlace(directory);
  if (place.kind !== 'project' || place.project.directory !== directory) return [];
  const said = await openPersonGit(directory, env, 10_000)
    .raw([
      'config',
      '--local',
      '--includes',
      '--null',
      '--get-regexp',
      String.raw`^remote\..*\.url$`,
    ])
    .catch(() => '');
  return said.split('\0').flatMap((setting) => {
    const [, name, url] = /^remote\.([^\n]+)\.url\n([^]+)$/.exec(setting) ?? [];
    return name === undefined || url === undefined ? [] : [{ name, url }];
  });
}

/** Whether two addresses are of one repository, by whatever way it is reached. */
export function samePlace(one: string, other: string): boolean {
  return plainPlace(one) === plainPlace(other);
}

/** `host/path`, or the path on this machine. */
function plainPlace(url: string): string {
  const plain = normalizeRemoteUrl(url);
  return plain.replace(/^[a-z][a-z0-9+.-]*:\/\/(?:[^/@]*@)?([^/:]+)(?::\d+)?/i, '$1');
}
