/**
 * `crosstalkd workflow compile`: the plan of a text in prose, made by one run of an agent and
 * printed as a workflow file, to be looked at, edited and run. Nothing of it is started.
 */
import { chooseChannel, DEFAULT_CHANNEL } from '../look/channel-names.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { messageId } from '../../protocol/paths.ts';
import { writeYaml } from '../../protocol/yaml.ts';
import { compilePrompt, readCompiled } from '../../workflow/run/compile.ts';
import { type Invocation, option } from '../command.ts';
import { plain } from '../io.ts';
import { type Surroundings, withRemote } from '../look/look-around.ts';
import { durationValue, printDone } from '../look/reading.ts';
import { identifySender } from '../talk/person.ts';
import { tellAnswers, WAIT_DEFAULT, waitForReplies } from '../talk/wait.ts';
import { checkSourceText, compilingOf, tellErrors } from './check.ts';
import { composeFile, publishFile } from './publish.ts';
import {
  type Known,
  markerOf,
  readCheckOptions,
  readWorkflow,
  type WorkflowText,
} from './source.ts';
import { fixBy } from '../../base/fix.ts';

/** Asks for the plan of a text and prints it. Exit 1 when the answer is not a plan. */
export function compileWorkflow(invocation: Invocation): Promise<number> {
  const limitMs = durationValue(option(invocation, 'wait') || WAIT_DEFAULT, '--wait');
  return withRemote(invocation, async (around) => {
    const known = await readCheckOptions(around);
    const source = await readWorkflow(invocation, known, invocation.args[0] ?? '');
    const { errors, plan } = checkSourceText(source, known);
    if (errors.length > 0) return tellErrors(invocation, source, errors);
    if (plan !== null)
      throw new CrosstalkError(
        'USAGE',
        `${source.label} has its steps: there is nothing to compile`,
        { fix: fixBy`crosstalkd workflow plan ${source.label}` },
      );
    return await askForPlan(invocation, around, { source, known, limitMs });
  });
}

interface Asking {
  readonly source: WorkflowText;
  readonly known: Known;
  readonly limitMs: number;
}

async function askForPlan(
  invocation: Invocation,
  around: Surroundings,
  { source, known, limitMs }: Asking,
): Promise<number> {
  const { session } = around;
  const chosen = compilingOf(source, known);
  const [compiler] = chosen.kind === 'by' ? chosen.models : [];
  if (compiler === undefined)
    throw new CrosstalkError('REFUSED', chosen.kind === 'nobody' ? chosen.why : 'nobody compiles', {
      fix: 'crosstalkd models',
    });
  const { body } = markerOf(source, { inputs: {}, more: {} });
  const sender = await identifySender(invocation, session);
  const letter = composeFile(sender, {
    channel: await chooseChannel(session, option(invocation, 'channel') ?? DEFAULT_CHANNEL),
    fields: { to: compiler, subject: 'A plan, please' },
    body: compilePrompt(body, known.models ?? []),
  });
  await publishFile(session, sender, letter);
  invocation.io.warn(plain(`asked ${compiler} for a plan: ${messageId(letter.path)}`));
  const answers = await waitForReplies(invocation, session, { path: letter.path, limitMs });
  const [reply] = answers.replies;
  if (reply === undefined || reply.message.fields.failed)
    return tellAnswers(invocation, answers, {});
  const read = readCompiled(reply.message.body, { ...known, marker: null, compiler });
  if (!('plan' in read))
    throw new CrosstalkError(
      'MESSAGE_REJECTED',
      `the answer of ${compiler} is not a plan: ${read.join('; ')}`,
      { fix: fixBy`crosstalkd show ${reply.file.path}` },
    );
  const text = `---\n${writeYaml(read.raw)}---\n`;
  printDone(invocation, { compiled_by: compiler, id: messageId(letter.path), plan: read.raw }, () =>
    plain(text.trimEnd()),
  );
  return 0;
}
