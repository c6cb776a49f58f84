/** What `init` says of the transport that it made, and how to continue. */
import { shellWord } from '../../base/shell-word.ts';
import type { RemoteTraits } from '../../protocol/remote-traits.ts';
import type { Invocation } from '../command.ts';
import { plain } from '../io.ts';
import { printGood, wantsJson } from '../look/reading.ts';
import { canAsk } from './first-answer.ts';
import type { FirstModels } from './first-models.ts';
import type { TransportPlace } from './place-transport.ts';

export interface Begun {
  readonly branch: string;
  readonly traits: RemoteTraits;
  readonly models: FirstModels;
  readonly notes: readonly string[];
  readonly approved: readonly string[];
}

export function printCreated(
  invocation: Invocation,
  made: Begun & Omit<TransportPlace, 'branch'>,
): number {
  const { io } = invocation;
  const limits = [
    ...(made.traits.customRefs
      ? []
      : ['no custom refs: claims are kept under refs/heads/crosstalk/']),
    ...(made.traits.atomic ? [] : ['no atomic pushes: replies are not fenced by the server']),
  ];
  if (wantsJson(invocation)) {
    const { directory, url: remote, branch, approved: models, notes } = made;
    const facts = { directory, remote, branch, models, limits, notes };
    printGood(invocation, facts);
    return 0;
  }
  const { project, directory } = made;
  io.print(
    project === null
      ? `Made the transport ${directory}`
      : `Made the mailbox of ${project.directory}; its clone is ${directory}`,
  );
  io.print(`  remote  ${made.url} (branch ${made.branch})`);
  const { agents, notes } = made.models;
  io.print(
    made.approved.length > 0
      ? `  models  ${made.approved.join(', ')} (approved on this host)`
      : `  models  ${agents.join(', ')} (not approved on this host)`,
  );
  const isShown = agents.length > 0 && canAsk(invocation);
  for (const line of [...(isShown ? [] : notes), ...made.notes, ...limits])
    io.print(plain(`  note    ${line}`));
  const model = made.approved[0] ?? agents[0] ?? 'echo';
  const at = project === null ? [` ${shellWord(directory)}`, ` -C ${shellWord(directory)}`] : [];
  io.print('');
  io.print('Next:');
  if (made.approved.length === 0) io.print(`  crosstalkd allow${at[1] ?? ''} --all`);
  io.print(`  crosstalkd send${at[1] ?? ''} --to ${model} --wait -m "Hello"`);
  io.print(`  crosstalkd run${at[0] ?? ''}   (answers as long as it runs)`);
  io.print(`  crosstalkd web${at[1] ?? ''}   (the page, in your browser)`);
  const clone = `git -C ${shellWord(directory)}`;
  const format = `log --format='%an: %s' ${shellWord(made.branch)}`;
  const isOwn = made.project !== null && made.url === made.project.common;
  io.print(`  ${isOwn ? `git ${format}` : `${clone} pull -q && ${clone} ${format}`}`);
  return 0;
}
