/** The MCP servers that an entry gives to an agent over ACP: none, unless it names some. Pure. */
import type { ModelEntry } from '../protocol/models.ts';
import { describe, isMapping } from '../protocol/yaml.ts';

const KEY = 'mcp-servers';

/** As `session/new` takes them. They see the environment of the agent. */
export function serversOf({ options }: Pick<ModelEntry, 'options'>): readonly object[] {
  const servers = options[KEY];
  if (!isMapping(servers)) return [];
  return Object.entries(servers).flatMap(([name, words]) => {
    const [command, ...args] = wordsOf(words) ?? [];
    return command === undefined ? [] : [{ name, command, args, env: [] }];
  });
}

/** What is wrong with the option, or null. */
export function serversProblem({ options }: Pick<ModelEntry, 'options'>): string | null {
  const servers = options[KEY];
  if (servers === undefined) return null;
  const form = 'expected names, each with a list: the program and its arguments';
  if (!isMapping(servers)) return `"${KEY}" is ${describe(servers)}; ${form}`;
  const odd = Object.entries(servers).find(([, words]) => wordsOf(words) === null);
  return odd === undefined ? null : `"${KEY}": "${odd[0]}" is ${describe(odd[1])}; ${form}`;
}

function wordsOf(words: unknown): readonly string[] | null {
  return Array.isArray(words) &&
    words.length > 0 &&
    words.every((word): word is string => typeof word === 'string' && word !== '')
    ? words
    : null;
}
