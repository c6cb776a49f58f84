/**
 * The questions before each change, in one place: what happens, and the command line that does the
 * same.
 */
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

/** Answers what an agent asks to be allowed. */
export function confirmAnswer(id: string, choice: 'approve' | 'deny'): void {
  const isYes = choice === 'approve';
  confirmation.set({
    title: isYes ? 'Allow it, this once?' : 'Deny it?',
    text: isYes
      ? 'The agent does exactly what its question shows. Read that first.'
      : 'The agent goes on without it.',
    command: `crosstalkd answer ${shell(id)} ${choice}`,
    verb: isYes ? 'Allow it' : 'Deny it',
    isHarsh: isYes,
    act: () => actOn('answer', { id, choice }, () => (isYes ? 'Allowed' : 'Denied')),
  });
}

/** Publishes what came too late. */
export function confirmAdopt(id: string, who: string): void {
  confirmation.set({
    title: 'Publish the late answer?',
    text: `What ${who} said is published by you: as the answer where there is none, else beside it.`,
    command: `crosstalkd adopt ${shell(id)} --to ${shell(who)}`,
    verb: 'Publish it',
    act: () =>
      actOn('adopt', { id, to: who }, (data) => {
        goTo({ at: 'message', id: textIn(data, 'id', id) });
        return 'Published';
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

/**
 * Answers a gate with a yes, a no, or one of the choices that it offers. One that asks for a text
 * needs it.
 */
export function confirmGate(
  run: string,
  gate: Gate,
  answer: { readonly decision: 'approve' | 'deny'; readonly choice?: string },
): void {
  const { decision, choice } = answer;
  const isNo = decision === 'deny';
  const verb = choice ?? (isNo ? 'Deny' : gate.form === 'input' ? 'Answer' : 'Approve');
  const label = isNo
    ? 'Why not'
    : gate.form === 'input'
      ? 'Your answer'
      : 'What you have to say to it (may be empty)';
  confirmation.set({
    title: choice === undefined ? `${verb} "${gate.title}"?` : `"${choice}" for "${gate.title}"?`,
    text: isNo
      ? 'The run goes the way that it has for a no.'
      : `The run goes on with your ${gate.form === 'approve' ? 'yes' : 'answer'}.`,
    command: `crosstalkd workflow ${decision} ${shell(run)} ${shell(gate.gate)}${choice === undefined ? '' : ` --choice ${shell(choice)}`}`,
    verb,
    isHarsh: isNo,
    asks: { label, isNeeded: gate.form === 'input' && !isNo },
    act: (message) =>
      actOn(
        `run/${decision}`,
        { run, gate: gate.gate, message, ...(choice === undefined ? {} : { choice }) },
        () => (isNo ? 'Denied' : gate.form === 'approve' ? 'Approved' : 'Answered'),
      ),
  });
}

/** Gives an order to a whole run. */
export function confirmRun(run: string, op: 'cancel' | 'pause' | 'resume' | 'retry'): void {
  const [verb, text] = {
    cancel: [
      'Cancel the run',
      'Open tasks are closed and running agents stopped; its "finally" steps still run.',
    ],
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
    act: () =>
      actOn(`run/${op}`, { run }, (data) => {
        // What is over is never changed: a second run takes over what the first had finished.
        const next = textIn(data, 'run', run);
        if (next !== run) goTo({ at: 'run', id: next, tab: 'graph' });
        return next === run ? textIn(data, 'answer', 'Done') : `Started ${next}`;
      }),
  });
}
