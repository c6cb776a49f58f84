/** The questions before each change, in one place: what happens, and the command line that does the same. */
import { textIn } from './api.ts';
import { actOn } from './dialogs.tsx';
import { confirmation, goTo, shell } from './state.ts';
import type { Gate } from './told.ts';

/** Asks a message again. */
export function confirmRetry(id: string, who: string): void {
  confirmation.set({
    title: 'Ask again?',
    text: `${who} is asked once more, as a new message. What was said stays.`,
    command: `crosstalkd retry ${shell(id)}`,
    verb: 'Ask again',
    act: () =>
      actOn('retry', { id }, (data) => {
        goTo({ at: 'message', id: textIn(data, 'id', id) });
        return 'Asked again';
      }),
  });
}

/** Closes a message for those who have not answered. */
export function confirmCancel(id: string, names: readonly string[]): void {
  confirmation.set({
    title: 'Cancel this message?',
    text: `${names.join(', ')} will not answer it any more; an agent that works on it is stopped.`,
    command: `crosstalkd cancel ${shell(id)}`,
    verb: 'Cancel it',
    isHarsh: true,
    act: () => actOn('cancel', { id }, () => 'Cancelled'),
  });
}

/** Answers a gate. */
export function confirmGate(run: string, gate: Gate, decision: 'approve' | 'deny'): void {
  const isYes = decision === 'approve';
  confirmation.set({
    title: isYes ? `Approve "${gate.title}"?` : `Deny "${gate.title}"?`,
    text: isYes ? 'The run goes on with your yes.' : 'The run goes the way that it has for a no.',
    command: `crosstalkd workflow ${decision} ${shell(run)} ${shell(gate.gate)}`,
    verb: isYes ? 'Approve' : 'Deny',
    isHarsh: !isYes,
    asks: { label: isYes ? 'What you have to say to it (may be empty)' : 'Why not', isNeeded: false },
    act: (message) => actOn(`run/${decision}`, { run, gate: gate.gate, message }, () => (isYes ? 'Approved' : 'Denied')),
  });
}

/** Gives an order to a whole run. */
export function confirmRun(run: string, op: 'cancel' | 'pause' | 'resume' | 'retry'): void {
  const [verb, text] = {
    cancel: ['Cancel the run', 'Open tasks are closed and running agents stopped; its "finally" steps still run.'],
    pause: ['Pause', 'Nothing new starts; what runs finishes.'],
    resume: ['Go on', 'It goes on where it stopped.'],
    retry: ['Run again what failed', 'Nothing that finished runs again.'],
  }[op] as [string, string];
  confirmation.set({
    title: `${verb}?`,
    text,
    command: `crosstalkd workflow ${op} ${shell(run)}`,
    verb,
    isHarsh: op === 'cancel',
    act: () => actOn(`run/${op}`, { run }, (data) => textIn(data, 'answer', 'Done')),
  });
}
