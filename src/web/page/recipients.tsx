/** Who a message goes to, checked while it is typed. */
import type { VNode } from 'preact';
import { Avatar } from './avatar.tsx';
import { checkNames, type CheckedName, toggleName } from './check-names.ts';
import { Icon } from './icon.tsx';
import type { Names } from '../told.ts';

export const NO_NAMES: Names = { models: [], hosts: [], people: [] };
/** Names that can be chosen without typing. */
const SHOWN_MAX = 16;

/** What has been typed, the names that it is checked against, and where another text goes. */
interface Typed {
  readonly value: string;
  readonly names: Names;
  readonly onInput: (next: string) => void;
}

/** The field. While a name is unknown the form cannot be sent, and says why. */
export function RecipientField({
  value,
  names,
  onInput,
  autoFocus,
}: Typed & { readonly autoFocus?: boolean }): VNode {
  const unknown = checkNames(value, names).find(({ kind }) => kind === 'unknown');
  const problem = unknown === undefined ? '' : `“${unknown.text}”: ${unknown.note}`;
  return (
    <input
      ref={(element) => element?.setCustomValidity(problem)}
      value={value}
      required
      placeholder="model, model@host, all, or a person"
      autoFocus={autoFocus === true}
      onInput={(event) => onInput(event.currentTarget.value)}
      name="to"
      aria-label="To"
      autocomplete="off"
      autocapitalize="off"
      spellcheck={false}
    />
  );
}

/** What is known of each name that was typed. */
export function CheckedNames({ value, names, onInput }: Typed): VNode | null {
  const told = checkNames(value, names).filter((one) => one.isExternal || one.note !== '');
  if (told.length === 0) return null;
  return (
    <ul class="checked" aria-live="polite">
      {told.map((one) => (
        <li key={one.text} class={one.kind === 'unknown' ? 'bad' : one.isExternal ? 'warn' : ''}>
          <b>{one.text}</b> {saysOf(one)}
          {one.near === null ? null : (
            <button
              type="button"
              class="link"
              onClick={() => onInput(value.replace(one.text, one.near ?? ''))}
            >
              use {one.near}
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}

function saysOf({ isExternal, note, near }: CheckedName): string {
  return [
    isExternal ? 'has outside effects, which cannot be undone' : '',
    note,
    near === null ? '' : `did you mean “${near}”?`,
  ]
    .filter((part) => part !== '')
    .join('; ');
}

/** Models and people to choose from. */
export function NameChoices({ value, names, onInput }: Typed): VNode {
  const chosen = value.split(',').map((name) => name.trim());
  const all = [
    ...names.models.map(({ name, effects }) => ({ name, isExternal: effects === 'external' })),
    ...names.people.map((name) => ({ name, isExternal: false })),
  ];
  return (
    <div class="names" role="group" aria-label="Models and people">
      {all.slice(0, SHOWN_MAX).map(({ name, isExternal }) => (
        <button
          key={name}
          type="button"
          class={`name ${isExternal ? 'external' : ''}`}
          aria-pressed={chosen.includes(name)}
          title={isExternal ? `${name} has outside effects` : undefined}
          onClick={() => onInput(toggleName(value, name))}
        >
          <Avatar name={name} small /> {name}
          {isExternal ? <Icon name="outside" /> : null}
        </button>
      ))}
    </div>
  );
}
