/** The list of keys. keys.ts acts on them. */
import type { VNode } from 'preact';
import { Dialog } from './dialog.tsx';
import { Close, Command } from './parts.tsx';
import { isHelpOpen } from './state.ts';

/** What is pressed, and what it does. */
const KEYS: readonly (readonly [string, string])[] = [
  ['?', 'this list'],
  ['Ctrl K', 'find a place or an action by a few letters'],
  ['/', 'search'],
  ['c', 'new message'],
  ['j  k', 'next and previous row'],
  ['Enter', 'open the row'],
  ['r', 'answer in the open conversation'],
  ['a  d', 'approve or deny the chosen row, or the only one'],
  ['R  x', 'retry or dismiss it'],
  ['z', 'undo the action that waits at the foot of the page'],
  ['u', 'up: from a message to its channel, from a run to the runs'],
  ['g n', 'now: what is running and what needs you'],
  ['g c', 'the first channel'],
  ['g r', 'runs'],
  ['g h', 'hosts and models'],
  ['g s', 'charts'],
  ['t', "light, dark, or the system's setting"],
  ['Esc', 'close what is open'],
];

/** Shows it. */
export function Keys(): VNode {
  return (
    <Dialog label="Keys" onClose={() => isHelpOpen.set(false)}>
      <div class="dialog-title">
        <h2>Keys</h2>
        <Close onClose={() => isHelpOpen.set(false)} />
      </div>
      <dl class="keys">
        {KEYS.map(([keys, does]) => (
          <div key={keys}>
            <dt>
              {keys
                .split(' ')
                .filter((key) => key !== '')
                .map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p class="same">
        The terminal can do all of this, too: <Command text="crosstalkd --help" />
      </p>
    </Dialog>
  );
}
