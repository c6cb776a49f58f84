/** Everything that can be reached or done, found by a few letters: Ctrl K. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { useAnswer } from './api.ts';
import { planDecision, planRetry } from './changes.ts';
import { compose } from './compose.tsx';
import { Dialog } from './dialog.tsx';
import { findFitting } from './find-fitting.ts';
import { Icon } from './icon.tsx';
import { wordOf } from './parts.tsx';
import { goTo, isHelpOpen, isPaletteOpen } from './state.ts';
import { cycleTheme } from './cycle-theme.ts';
import type { RunList, Status, Summary } from '../told.ts';

interface Entry {
  readonly icon: string;
  readonly text: string;
  readonly kind: string;
  readonly act: () => void;
}

const SHOWN_MAX = 12;

export function Palette({
  summary,
  status,
}: {
  readonly summary: Summary | null;
  readonly status: Status | null;
}): VNode {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const { data: runs } = useAnswer<RunList>('runs');
  const close = (): void => isPaletteOpen.set(false);
  const entries = findFitting(
    [...actsOf(status), ...placesOf(summary, runs), ...searchFor(text)],
    text,
    (entry) => `${entry.text} ${entry.kind}`,
  ).slice(0, SHOWN_MAX);
  const chosen = Math.min(at, entries.length - 1);
  const choose = (entry: Entry | undefined): void => {
    if (entry === undefined) return;
    close();
    entry.act();
  };
  return (
    <Dialog label="Go to or do" onClose={close}>
      <input
        type="text"
        role="combobox"
        aria-label="Go to or do"
        aria-expanded={true}
        aria-controls="palette"
        aria-activedescendant={entries.length === 0 ? undefined : `palette-${chosen}`}
        placeholder="A place, a run, a channel, a name, or what to do"
        value={text}
        autoFocus
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
          if (by === 0 && event.key !== 'Enter') return;
          event.preventDefault();
          if (by === 0) choose(entries[chosen]);
          else setAt((chosen + by + entries.length) % Math.max(1, entries.length));
        }}
      />
      <ul id="palette" class="palette" role="listbox" aria-label="Found">
        {entries.map((entry, index) => (
          <li
            key={`${entry.kind} ${entry.text}`}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === chosen}
            onClick={() => choose(entry)}
          >
            <Icon name={entry.icon} />
            <span>{entry.text}</span>
            <span class="soft">{entry.kind}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function actsOf(status: Status | null): readonly Entry[] {
  const gates = (status?.gates ?? []).filter(({ mine, form }) => mine && form === 'approve');
  const failures = (status?.needs ?? []).filter(
    ({ kind, run, about }) => kind === 'failure' && run === null && about.length > 0,
  );
  return [
    { icon: 'pen', text: 'New message', kind: 'do', act: () => compose() },
    ...gates.map((gate) => ({
      icon: 'check',
      text: `Approve “${gate.title}”`,
      kind: gate.run,
      act: () => planDecision(gate, { decision: 'approve', text: '' }),
    })),
    ...failures.map(({ about: [id = ''], model }) => ({
      icon: 'again',
      text: `Retry ${model ?? ''}: ${status?.words[id]?.text ?? id}`,
      kind: 'failed',
      act: () => planRetry(id, model ?? ''),
    })),
    { icon: 'sun', text: 'Change the colours', kind: 'do', act: cycleTheme },
    { icon: 'help', text: 'Show the keys', kind: 'do', act: () => isHelpOpen.set(true) },
  ];
}

function placesOf(summary: Summary | null, runs: RunList | null): readonly Entry[] {
  const names = summary?.names;
  return [
    { icon: 'now', text: 'Now', kind: 'place', act: () => goTo({ at: 'now' }) },
    { icon: 'runs', text: 'Runs', kind: 'place', act: () => goTo({ at: 'runs' }) },
    {
      icon: 'hosts',
      text: 'Hosts and models',
      kind: 'place',
      act: () => goTo({ at: 'hosts', name: null }),
    },
    { icon: 'charts', text: 'Charts', kind: 'place', act: () => goTo({ at: 'charts' }) },
    ...(runs?.runs ?? []).map(({ run, name, status }) => ({
      icon: 'runs',
      text: name === run ? run : `${name} (${run})`,
      kind: `run, ${wordOf(status)}`,
      act: () => goTo({ at: 'run', id: run, tab: 'graph' as const }),
    })),
    ...(summary?.channels ?? []).map(({ name, isRun }) => ({
      icon: 'hash',
      text: `#${name}`,
      kind: isRun ? 'channel of a run' : 'channel',
      act: () => goTo({ at: 'channel', name }),
    })),
    ...(names?.hosts ?? []).map((name) => ({
      icon: 'hosts',
      text: name,
      kind: 'host',
      act: () => goTo({ at: 'hosts', name }),
    })),
    ...[...(names?.models.map(({ name }) => name) ?? []), ...(names?.people ?? [])].map((name) => ({
      icon: 'pen',
      text: `Write to ${name}`,
      kind: 'do',
      act: () => compose(name),
    })),
  ];
}

function searchFor(text: string): readonly Entry[] {
  const query = text.trim();
  return query === ''
    ? []
    : [
        {
          icon: 'search',
          text: `Search for “${query}”`,
          kind: 'place',
          act: () => goTo({ at: 'search', query }),
        },
      ];
}
