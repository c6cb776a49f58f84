/** How the answers of a vote fell. */
import { channelRoot } from '../protocol/paths.ts';
import { stepIds } from '../protocol/run-paths.ts';
import { canonicalJson, type Json } from '../workflow/language/json.ts';
import type { Prompt, Step } from '../workflow/language/plan.ts';
import { fieldOf, readAnswer } from '../workflow/run/answer.ts';
import { planInForce } from '../workflow/run/plan-in-force.ts';
import { findFitting } from '../workflow/language/schema.ts';
import type { RunSeen } from '../cli/look/runs.ts';

/** Values with who gave them, most first. */
export interface Tally {
  readonly field: string;
  readonly counts: readonly { readonly value: string; readonly names: readonly string[] }[];
}

/** Folder of a step that votes → its tally, so far as there are answers. */
export function tallies({ input, view }: RunSeen): ReadonlyMap<string, Tally> {
  const plan = planInForce(input.files, channelRoot(input.run))?.plan;
  if (plan === undefined) return new Map();
  const all = [...plan.steps, ...plan.final];
  return new Map(
    view.steps.flatMap(({ folder }) => {
      const prompt = promptOf(all, stepIds(folder));
      if (prompt?.join.kind !== 'vote') return [];
      const answers = view.tasks.filter(
        ({ path, phase, state }) =>
          phase === 'fanout' && state === 'succeeded' && path.startsWith(folder),
      );
      const bodies = answers.map(({ to, reply }) => ({
        name: to,
        body: readAnswer(input.files.get(reply) ?? '').body,
      }));
      return answers.length === 0
        ? []
        : [[folder, countVotes(prompt.join.field, prompt.schema, bodies)]];
    }),
  );
}

function promptOf(steps: readonly Step[], [first, ...rest]: readonly string[]): Prompt | null {
  const body = steps.find(({ id }) => id === first)?.body;
  if (body?.kind === 'group') return promptOf(body.steps, rest);
  return body?.kind === 'prompt' ? body : null;
}

/** Each answer as the engine reads it; one without the field has no vote. */
function countVotes(
  field: string,
  schema: Json,
  answers: readonly { readonly name: string; readonly body: string }[],
): Tally {
  const votes = new Map<string, string[]>();
  for (const { name, body } of answers) {
    const value = fieldOf(schema === null ? null : findFitting(schema, body).json, field);
    if (value === null) continue;
    const text = typeof value === 'string' ? value : canonicalJson(value);
    votes.set(text, [...(votes.get(text) ?? []), name]);
  }
  const counts = [...votes].map(([value, names]) => ({ value: value.slice(0, 80), names }));
  return { field, counts: counts.sort((a, b) => b.names.length - a.names.length) };
}
