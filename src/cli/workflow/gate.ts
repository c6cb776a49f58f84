/** `crosstalkd workflow approve` and `deny`: a person's answer to a gate, as a message in the channel of the run. */
import { CrosstalkError } from '../../base/errors.ts';
import { messageId } from '../../protocol/paths.ts';
import { firstLine } from '../../protocol/reply.ts';
import type { GateView } from '../../workflow/fold-context.ts';
import { type Invocation, option } from '../command.ts';
import { plain } from '../io.ts';
import type { Surroundings } from '../explain/look-around.ts';
import { printJson, wantsJson } from '../read/reading.ts';
import { withRun } from './control.ts';
import { composeFile, identifyPerson, publishFile } from './publish.ts';
import type { RunSeen } from './runs.ts';

/** Says yes to a gate, or gives the answer it asks for. */
export function approve(invocation: Invocation): Promise<number> {
  return withRun(invocation, (around, seen) => answerGate(invocation, around, { seen, decision: 'approve' }));
}

/** Says no to a gate. */
export function deny(invocation: Invocation): Promise<number> {
  return withRun(invocation, (around, seen) => answerGate(invocation, around, { seen, decision: 'deny' }));
}

interface Answer {
  readonly seen: RunSeen;
  readonly decision: 'approve' | 'deny';
}

async function answerGate(invocation: Invocation, around: Surroundings, { seen, decision }: Answer): Promise<number> {
  const { run, marker } = seen.input;
  const gate = chooseGate(seen, invocation.args[1] ?? null);
  const sender = await identifyPerson(invocation, around.session);
  refuseStranger(gate, { sender: sender.name, run, decision });
  const text = option(invocation, 'message') ?? '';
  const choice = option(invocation, 'choice');
  refuseUseless(gate, { run, decision, answer: choice ?? firstLine(text) });
  const isApproval = gate.form === 'approve';
  const first = decision === 'deny' || isApproval ? decision : choice;
  const body = [first, text].filter((part) => part !== null && part !== '').join('\n\n');
  const letter = composeFile(sender, {
    channel: run,
    fields: { to: marker.from, re: gate.path, decision: decision === 'deny' || isApproval ? decision : undefined },
    body: `${body}\n`,
  });
  const commit = await publishFile(around.session, sender, letter);
  if (wantsJson(invocation))
    printJson(invocation, {
      ok: true,
      health: 'good',
      run,
      gate: gate.gate,
      decision: first ?? 'answer',
      id: messageId(letter.path),
      path: letter.path,
      commit,
    });
  else {
    const missing = gate.quorum - gate.received - 1;
    invocation.io.print(
      plain(`${decision === 'deny' ? 'denied' : first === 'approve' ? 'approved' : 'answered'} gate ${gate.gate} of ${run}: ${gate.title}`),
    );
    if (decision === 'approve' && missing > 0)
      invocation.io.print(`  ${missing} more ${gate.anyone ? '' : `of ${gate.approvers.join(', ')} `}have to agree`);
  }
  return 0;
}

/** A gate that offers choices or asks for text is answered with exactly that. What would not count is not published. */
function refuseUseless(gate: GateView, given: { readonly run: string; readonly decision: string; readonly answer: string }): void {
  const { run, decision, answer } = given;
  const { form, choices, title, path } = gate;
  if (form === 'choose' && (decision === 'deny' || !choices.some((one) => one.toLowerCase() === answer.trim().toLowerCase())))
    throw new CrosstalkError(
      'USAGE',
      `the gate "${gate.gate}" takes one of ${choices.join(', ')}; found ${decision === 'deny' ? 'a no' : JSON.stringify(answer)}: ${title}`,
      { fix: `crosstalkd workflow approve ${run} ${gate.gate} --choice ${JSON.stringify(choices[0] ?? '')}` },
    );
  if (form === 'input' && decision === 'approve' && answer === '')
    throw new CrosstalkError('USAGE', `the gate "${gate.gate}" asks for more than a yes: ${title}`, {
      fix: `crosstalkd workflow approve ${run} ${gate.gate} -m <answer>   (it asks: crosstalkd show ${path})`,
    });
}

function refuseStranger(gate: GateView, by: { readonly sender: string; readonly run: string; readonly decision: string }): void {
  if (gate.anyone || gate.approvers.includes(by.sender)) return;
  throw new CrosstalkError('REFUSED', `the gate "${gate.gate}" is for ${gate.approvers.join(', ')}; you are "${by.sender}"`, {
    fix: `crosstalkd workflow ${by.decision} ${by.run} ${gate.gate} --from ${gate.approvers[0] ?? '<name>'}   (if that is you)`,
  });
}

function chooseGate({ input, view }: RunSeen, asked: string | null): GateView {
  const open = view.gates.filter(({ state }) => state === 'open');
  const named = asked === null ? open : open.filter(({ gate, path }) => gate === asked || path.includes(`/gates/${asked}/`));
  const [gate] = named;
  if (gate !== undefined && named.length === 1) return gate;
  if (gate !== undefined)
    throw new CrosstalkError('USAGE', `${input.run} has ${named.length} open gates: ${named.map((each) => each.gate).join(', ')}`, {
      fix: `crosstalkd workflow approve ${input.run} ${gate.gate}`,
    });
  const decided = view.gates.find((each) => each.gate === asked && each.state === 'decided');
  if (decided !== undefined)
    throw new CrosstalkError('REFUSED', `the gate "${decided.gate}" is decided already: ${decided.decision ?? ''}`, {
      fix: `crosstalkd workflow show ${input.run}`,
    });
  const hint = open.length === 0 ? 'no gate is open' : `open: ${open.map((each) => each.gate).join(', ')}`;
  throw new CrosstalkError('NOT_FOUND', `${input.run} has no open gate${asked === null ? '' : ` "${asked}"`}; ${hint}`, {
    fix: `crosstalkd workflow why ${input.run}`,
  });
}
