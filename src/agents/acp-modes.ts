/**
 * Which mode of a session an agent is put into before it hears anything: one in which it only
 * reads, or one in which it asks before it acts. What an agent does in the mode that it begins in
 * is told by nothing. Pure.
 */
import type { Mode } from './adapter.ts';
import { listAt, textAt, type JsonRecord } from './json-values.ts';

/** How a mode is set: a request's method and its parameters beside the session's id. */
export interface Setting {
  readonly method: string;
  readonly params: JsonRecord;
}

export type ModeSetting =
  | { readonly kind: 'set'; readonly setting: Setting }
  /** It has no modes, and the entry says that it asks. */
  | { readonly kind: 'none' }
  | { readonly kind: 'refused'; readonly why: string };

const READING = ['plan', 'read-only', 'readonly', 'read_only', 'ask', 'architect'];
const ASKING = ['default', 'workspace-write', 'manual', 'ask', 'build', 'agent'];

/** The setting for an entry's mode, out of what the session offers. */
export function chooseMode(
  session: JsonRecord,
  wanted: { readonly mode: Mode; readonly named: string | null; readonly asks: boolean },
): ModeSetting {
  const offered = [...modesOf(session), ...optionsOf(session, 'mode')];
  const ids = offered.map(({ id }) => id);
  const names = wanted.named !== null ? [wanted.named] : wanted.mode === 'read' ? READING : ASKING;
  const found = names.flatMap((name) => offered.filter(({ id }) => isNamed(id, name)))[0];
  if (found !== undefined) return { kind: 'set', setting: found.setting };
  if (wanted.named === null && wanted.asks) return { kind: 'none' };
  const listed = ids.length === 0 ? 'it offers no modes' : `it offers ${ids.join(', ')}`;
  return {
    kind: 'refused',
    why: `no mode of the agent is known to ${wanted.mode === 'read' ? 'only read' : 'ask'}; ${listed}; write one as "options: { session-mode: … }", or "asks: true" when it always asks`,
  };
}

/** The setting for a model, out of what the session offers. */
export function chooseModel(session: JsonRecord, model: string): Setting {
  const found = optionsOf(session, 'model').find(({ id }) => id === model);
  return found?.setting ?? { method: 'session/set_model', params: { modelId: model } };
}

/** Some ids are addresses that end with the name. */
function isNamed(id: string, name: string): boolean {
  return id === name || id.endsWith(`#${name}`);
}

interface Offered {
  readonly id: string;
  readonly setting: Setting;
}

function modesOf(session: JsonRecord): readonly Offered[] {
  return listAt(session, 'modes', 'availableModes').flatMap((mode) => {
    const id = textAt(mode, 'id');
    return id === null
      ? []
      : [{ id, setting: { method: 'session/set_mode', params: { modeId: id } } }];
  });
}

function optionsOf(session: JsonRecord, category: string): readonly Offered[] {
  return listAt(session, 'configOptions').flatMap((option) => {
    const configId = textAt(option, 'id');
    if (configId === null || (textAt(option, 'category') ?? configId) !== category) return [];
    return listAt(option, 'options').flatMap((choice) => {
      const value = textAt(choice, 'value');
      return value === null
        ? []
        : [
            {
              id: value,
              setting: { method: 'session/set_config_option', params: { configId, value } },
            },
          ];
    });
  });
}
