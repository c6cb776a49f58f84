/**
 * Every change that the page can make: what it says, the command line that does the same, and
 * where it leads. What stops agents is asked before; the rest can be taken back for a moment.
 */
import { type Fix, fixBy } from '../../base/fix.ts';
import { textIn } from './api.ts';
import { type Change, make, plan } from './pending.ts';
import { confirmation, goTo, type Written } from './state.ts';
import type { OpenGate } from '../told.ts';

/** Sends a message. `giveBack` opens the form again, with everything that was written. */
export function planSend(written: Written, giveBack: () => void): void {
  const { to, channel, subject, text, re, files } = written;
  plan({
    name: 'send',
    body: {
      to,
      message: text,
      ...(re === null ? { channel } : { re }),
      ...(subject === '' ? {} : { subject }),
      ...(files.length === 0 ? {} : { files }),
    },
    says: `Send to ${to}`,
    same: sameAsSend(written),
    done: (data) => {
      const id = textIn(data, 'id', '');
      if (id !== '') goTo({ at: 'message', id });
      return 'Sent';
    },
    giveBack,
  });
}

function sameAsSend({ to, channel, subject, re, files }: Written): Fix {
  const about = subject === '' ? [] : ['--subject', subject];
  const attached = files.flatMap(({ name }) => ['--file', name]);
  const place = re === null ? ['--channel', channel] : ['--re', re];
  return fixBy`crosstalkd send --to ${to} ${[...place, ...about, ...attached]} -m TEXT`;
}

/** Asks a message again. */
export function planRetry(id: string, who: string): void {
  plan({
    name: 'retry',
    body: { id },
    says: `Ask ${who} again`,
    same: fixBy`crosstalkd retry ${id}`,
    done: (data) => {
      goTo({ at: 'message', id: textIn(data, 'id', id) });
      return 'Asked again';
    },
  });
}

/** Notes that nothing needs to be done about a failure, a failed run, or a file. */
export function planDismiss(what: string, name: string): void {
  plan({
    name: 'ack',
    body: { what },
    says: `Dismiss ${name}`,
    same: fixBy`crosstalkd ack ${what}`,
    done: () => 'Dismissed for everybody',
  });
}

/** Publishes an answer that came too late. */
export function planAdopt(id: string, to: string): void {
  plan({
    name: 'adopt',
    body: { id, to },
    says: `Publish the late answer of ${to}`,
    same: fixBy`crosstalkd adopt ${id} --to ${to}`,
    done: () => 'Published as a late answer',
  });
}

/** Answers what an agent asks to be allowed; a yes is for this once. */
export function planAnswer(
  id: string,
  { choice, text }: { readonly choice: 'approve' | 'deny'; readonly text: string },
  giveBack: () => void,
): void {
  plan({
    name: 'answer',
    body: { id, choice, message: text },
    says: choice === 'approve' ? 'Allow it, this once' : 'Deny it',
    same: fixBy`crosstalkd answer ${id} ${choice} ${text === '' ? [] : ['-m', text]}`,
    done: () => (choice === 'approve' ? 'Allowed' : 'Denied'),
    giveBack,
  });
}

/** An answer to a gate: a yes, a no, or one of its choices, with what is said to it. */
export interface Decision {
  readonly decision: 'approve' | 'deny';
  readonly choice?: string;
  readonly text: string;
}

/** Answers a gate. `giveBack` puts what was said to it back. */
export function planDecision(
  gate: Pick<OpenGate, 'run' | 'gate' | 'title' | 'form'>,
  { decision, choice, text }: Decision,
  giveBack?: () => void,
): void {
  const { run } = gate;
  const words = [
    ...(choice === undefined ? [] : ['--choice', choice]),
    ...(text === '' ? [] : ['-m', text]),
  ];
  const verb = decision === 'deny' ? 'Deny' : gate.form === 'input' ? 'Answer' : 'Approve';
  plan({
    name: `run/${decision}`,
    body: { run, gate: gate.gate, message: text, ...(choice === undefined ? {} : { choice }) },
    says: choice === undefined ? `${verb} “${gate.title}”` : `“${choice}” for “${gate.title}”`,
    same: fixBy`crosstalkd workflow ${decision} ${run} ${gate.gate} ${words}`,
    done: () =>
      decision === 'deny' ? 'Denied' : gate.form === 'approve' ? 'Approved' : 'Answered',
    ...(giveBack === undefined ? {} : { giveBack }),
  });
}

/** Closes a message for those who have not answered: asked before, for it stops agents. */
export function confirmCancel(id: string, names: readonly string[]): void {
  confirm('Cancel this message?', 'Cancel it', {
    text: `${names.join(', ')} will not answer it any more; an agent that works on it is stopped.`,
    change: {
      name: 'cancel',
      body: { id },
      says: 'Cancel the message',
      same: fixBy`crosstalkd cancel ${id}`,
      done: () => 'Cancelled',
    },
  });
}

/** Ends a whole run: asked before, for it stops agents. */
export function confirmCancelRun(run: string): void {
  confirm('Cancel the run?', 'Cancel the run', {
    text: 'Open tasks are closed and running agents stopped; its "finally" steps still run.',
    change: {
      name: 'run/cancel',
      body: { run },
      says: `Cancel ${run}`,
      same: fixBy`crosstalkd workflow cancel ${run}`,
      done: (data) => textIn(data, 'answer', 'Cancelled'),
    },
  });
}

function confirm(
  title: string,
  verb: string,
  { text, change }: { readonly text: string; readonly change: Change },
): void {
  confirmation.set({ title, verb, text, same: change.same, act: () => make(change) });
}

const ORDERS = {
  pause: 'Pause',
  resume: 'Resume',
  retry: 'Run again what failed in',
} as const;

/** Gives an order to a whole run. */
export function planOrder(run: string, op: keyof typeof ORDERS): void {
  plan({
    name: `run/${op}`,
    body: { run },
    says: `${ORDERS[op]} ${run}`,
    same: fixBy`crosstalkd workflow ${op} ${run}`,
    done: (data) => {
      // What is over is never changed: a second run takes over what the first had finished.
      const next = textIn(data, 'run', run);
      if (next !== run) goTo({ at: 'run', id: next, tab: 'graph' });
      return next === run ? textIn(data, 'answer', 'Done') : `Started ${next}`;
    },
  });
}
