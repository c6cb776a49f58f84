/**
 * `crosstalkd workflow approve` and `deny`: a person's answer to a gate, as a message in the
 * channel of the run.
 */
import { CrosstalkError } from '../../base/errors.ts';
import { messageId } from '../../protocol/paths.ts';
import { fixBy, orElse, withNote } from '../../base/fix.ts';
import { answerGate as fixOfGate } from '../../protocol/remedy.ts';
import { type Invocation, option } from '../command.ts';
import { firstLine } from '../../protocol/reply.ts';
import { jsonValues } from '../../workflow/language/json.ts';
import { findFitting } from '../../workflow/language/schema.ts';
import { choiceIn } from '../../workflow/run/decision.ts';
import { plain } from '../io.ts';
import { describeDecision } from '../look/draw-run.ts';
import type { Surroundings } from '../look/look-around.ts';
import { printGood, wantsJson } from '../look/reading.ts';
import { withRun } from './control.ts';
import type { Sender } from '../talk/person.ts';
import { composeFile, publishFile } from './publish.ts';
import { identifyPerson } from '../talk/person.ts';
import type { RunSeen } from '../look/runs.ts';
import type { GateView } from '../../workflow/run/fold.ts';

/** Says yes to a gate, or gives the answer it asks for. */
export function approve(invocation: Invocation): Promise<number> {
  return withRun(invocation, (around, seen) =>
    answerGate(invocation, around, { seen, decision: 'approve' }),
  );
}

/** Says no to a gate. */
export function deny(invocation: Invocation): Promise<number> {
  return withRun(invocation, (around, seen) =>
    answerGate(invocation, around, { seen, decision: 'deny' }),
  );
}

interface Answer {
  readonly seen: RunSeen;
  readonly decision: 'approve' | 'deny';
}

async function answerGate(
  invocation: Invocation,
  around: Surroundings,
  { seen, decision }: Answer,
): Promise<number> {
  const { run, marker } = seen.input;
  const gate = chooseGate(seen, invocation.args[1] ?? null);
  const sender = await identifyPerson(invocation, around.session, 'steer a run');
  refuseStranger(gate, { sender, run, decision });
  const says = wordsFor(invocation, { run, gate, decision });
  const letter = composeFile(sender, {
    channel: run,
    fields: { to: marker.from, re: gate.path, decision: says.decision ?? undefined },
    body: `${says.body}\n`,
  });
  const commit = await publishFile(around.session, sender, letter);
  if (wantsJson(invocation)) {
    const told = { run, gate: gate.gate, decision: says.told, by: sender.name };
    printGood(invocation, { ...told, id: messageId(letter.path), path: letter.path, commit });
    return 0;
  }
  const { io } = invocation;
  const did = { approve: 'approved', deny: 'denied' }[says.told] ?? 'answered';
  io.print(plain(`${did} gate ${gate.gate} of ${run} as ${sender.name}: ${gate.title}`));
  if (decision === 'approve')
    tellQuorum(invocation, { gate, sender: sender.name, told: says.told });
  return 0;
}

interface Words {
  /** What the engine reads; null = the text is the answer. */
  readonly decision: 'approve' | 'deny' | null;
  readonly body: string;
  /** For people: approve, deny, the choice, or `answer`. */
  readonly told: string;
}

/**
 * The answer in the form that the gate asks for. Throws USAGE for any other: it would not count.
 */
function wordsFor(
  invocation: Invocation,
  {
    run,
    gate,
    decision,
  }: { readonly run: string; readonly gate: GateView; readonly decision: 'approve' | 'deny' },
): Words {
  const text = option(invocation, 'message') ?? '';
  const choice = option(invocation, 'choice');
  const usage = (what: string): CrosstalkError =>
    new CrosstalkError('USAGE', what, {
      fix: orElse(fixOfGate({ run, ...gate }), fixBy`crosstalkd show ${gate.path}`),
    });
  const joined = (first: string): string =>
    [first, text].filter((part) => part !== '').join('\n\n');
  if (choice !== null && gate.form !== 'choose')
    throw usage(`the gate "${gate.gate}" has no choices: ${gate.title}`);
  if (gate.form === 'approve' || (decision === 'deny' && gate.form === 'input'))
    return { decision, body: joined(decision), told: decision };
  if (gate.form === 'choose') {
    const asked = choice ?? text;
    const chosen = decision === 'deny' ? null : choiceIn(gate.choices, asked);
    const found = decision === 'deny' ? 'a no' : JSON.stringify(firstLine(asked));
    if (chosen === null)
      throw usage(
        `the gate "${gate.gate}" takes one of ${gate.choices.join(', ')}; found ${found}: ${gate.title}`,
      );
    return { decision: null, body: choice === null ? text : joined(chosen), told: chosen };
  }
  if (text === '') throw usage(`the gate "${gate.gate}" asks for more than a yes: ${gate.title}`);
  const fit = gate.schema === null ? [] : findFitting(gate.schema, text).errors;
  const errors =
    gate.schema !== null && jsonValues(text).length === 0 ? ['it contains no JSON'] : fit;
  if (errors.length > 0)
    throw usage(
      `the answer does not fit what the gate "${gate.gate}" asks for: ${errors.join('; ')}`,
    );
  return { decision: null, body: text, told: 'answer' };
}

/** Who still must say the same. A second answer of one person takes the place of the first. */
function tellQuorum(
  { io }: Invocation,
  {
    gate,
    sender,
    told,
  }: { readonly gate: GateView; readonly sender: string; readonly told: string },
): void {
  const same = new Set(
    gate.answers.flatMap(({ from, says, problem }) =>
      problem === null && says === told ? [from] : [],
    ),
  );
  const missing = gate.quorum - same.add(sender).size;
  if (missing <= 0) return;
  const others = gate.anyone ? [] : gate.approvers.filter((name) => !same.has(name));
  io.print(
    plain(
      `  ${missing} more ${missing === 1 ? 'has' : 'have'} to agree${others.length === 0 ? '' : `: ${others.join(', ')}`}`,
    ),
  );
}

function refuseStranger(
  gate: GateView,
  by: { readonly sender: Sender; readonly run: string; readonly decision: string },
): void {
  const { names } = by.sender;
  if (gate.anyone || gate.approvers.some((name) => names.includes(name))) return;
  throw new CrosstalkError(
    'REFUSED',
    `the gate "${gate.gate}" is for ${gate.approvers.join(', ')}; you are "${by.sender.name}"`,
    {
      fix: withNote(
        fixBy`crosstalkd workflow ${by.decision} ${by.run} ${gate.gate} --from ${gate.approvers[0] ?? 'NAME'}`,
        'if that is you',
      ),
    },
  );
}

function chooseGate({ input, view }: RunSeen, asked: string | null): GateView {
  const open = view.gates.filter(({ state }) => state === 'open');
  const named =
    asked === null
      ? open
      : open.filter(({ gate, path }) => gate === asked || path.split('/').at(-2) === asked);
  const [gate] = named;
  if (gate !== undefined && named.length === 1) return gate;
  if (gate !== undefined)
    throw new CrosstalkError(
      'USAGE',
      `${input.run} has ${named.length} open gates: ${named.map((each) => each.gate).join(', ')}`,
      { fix: fixBy`crosstalkd workflow approve ${input.run} ${gate.gate}` },
    );
  const decided = view.gates.find((each) => each.gate === asked && each.state === 'decided');
  if (decided !== undefined)
    throw new CrosstalkError(
      'REFUSED',
      `the gate "${decided.gate}" is decided already: ${describeDecision(decided)}`,
      { fix: fixBy`crosstalkd workflow show ${input.run}` },
    );
  const hint = open.length === 0 ? '' : `; open: ${open.map((each) => each.gate).join(', ')}`;
  throw new CrosstalkError(
    'NOT_FOUND',
    `${input.run} has no open gate${asked === null ? '' : ` "${asked}"`}${hint}`,
    { fix: fixBy`crosstalkd workflow why ${input.run}` },
  );
}
