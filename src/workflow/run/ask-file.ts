/** The message by which a gate asks, written and read side by side. */
import { formatIso } from '../../base/clock.ts';
import { plainText } from '../../base/plain-text.ts';
import { readFrontMatter, writeFrontMatter } from '../../protocol/front-matter.ts';
import { askPath } from '../../protocol/run-paths.ts';
import type { Ask } from '../language/plan.ts';

/** What a gate asks. `context`: the answers that it is about. */
interface Question {
  readonly unit: {
    readonly atMs: number;
    readonly step: { readonly id: string };
  };
  readonly ask: Ask;
  readonly title: string;
  readonly approvers: readonly string[];
  readonly folder: string;
  readonly context: string;
}

/** The file by which a gate asks people: title, how to answer, and the subject. */
export function formatAsk(
  run: string,
  { unit, ask, title, approvers, folder, context }: Question,
): string {
  const fields = {
    to: approvers.length === 1 ? approvers[0] : approvers,
    from: 'workflow',
    type: 'message',
    timestamp: formatIso(unit.atMs),
    subject: title,
    workflow_phase: 'ask',
    wait: true,
    run,
    step: unit.step.id,
  };
  const how =
    ask.form === 'approve'
      ? `Answer with a message \`re: ${askPath(folder)}\` that begins with "approve" or "deny" (the rest is your reason), or add a file \`${folder}approve\` or \`${folder}deny\`.`
      : ask.form === 'choose'
        ? `Answer with a message \`re: ${askPath(folder)}\` whose first line is one of: ${ask.choices.join(', ')}.`
        : `Answer with a message \`re: ${askPath(folder)}\`; its text is the answer${ask.schema === null ? '' : ' and must be JSON that fits the schema below'}.`;
  const schema =
    ask.schema === null ? '' : `\n\n\`\`\`json\n${JSON.stringify(ask.schema, null, 2)}\n\`\`\``;
  const quorum =
    ask.quorum > 1 ? ` ${String(ask.quorum)} of ${approvers.join(', ')} must agree.` : '';
  return writeFrontMatter(
    fields,
    plainText(`# ${title}\n\n${how}${quorum}${schema}${context === '' ? '' : `\n\n${context}`}\n`),
  );
}

/** What the file asks about: the paragraphs after its title and the one on how to answer. */
export function readQuestion(file: string): string {
  const read = readFrontMatter(Buffer.from(file));
  if (read.kind !== 'read') return '';
  const body = read.body.trim();
  const [title, ...paragraphs] = body.split('\n\n');
  const isOurs = title === plainText(`# ${String(read.fields['subject'])}`);
  return isOurs ? paragraphs.slice(1).join('\n\n').trim() : body;
}
