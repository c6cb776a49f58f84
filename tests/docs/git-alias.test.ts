/** The aliases of GUIDE-CLI "Read with plain git", by real git over the commits of a real run. */
import { expect, it } from 'vitest';
import { composeReply, NO_RUN } from '../../src/protocol/reply.ts';
import { formatTrailers } from '../../src/protocol/trailers.ts';
import { tellTransition } from '../../src/workflow/run/tell-transition.ts';
import { createGitFixture } from '../support/git-fixture.ts';
import { drive, inputOf, post, world } from '../workflow/drive.ts';
import { readPage } from './page.ts';

it('git said hides what a run only notes, git talk shows all, and no answer hides itself', async () => {
  const at = world(
    'model: opus\nsteps:\n  plan: { prompt: plan it }\n  no: { needs: [plan], if: "${{ false }}", prompt: x }\n  ship: { needs: [plan], ask: { title: "Ship?" } }',
    () => 'the plan',
  );
  drive(at);
  post(at, `re: data/channels/${at.run}/gates/ship/ask.md`, 'approve');
  drive(at);
  const answer = composeReply({
    message: `data/channels/${at.run}/steps/plan/one/1.md`,
    channel: at.run,
    asker: 'workflow',
    recipient: 'opus',
    host: 'mbp',
    attempt: 1,
    atMs: 0,
    hops: 1,
    body: 'the plan\nCrosstalk-Bookkeeping: yes\n',
    failure: null,
    ...NO_RUN,
  }).commitMessage;
  const told = at.commits.map((commit) => {
    const { subject, text, trailers } = tellTransition(inputOf(at), commit);
    return [subject, ...(text === '' ? [] : [text]), formatTrailers(trailers)].join('\n\n');
  });
  const fixture = createGitFixture();
  try {
    const git = (...args: readonly string[]): string => fixture.git(args, { cwd: fixture.root });
    git('init', '-q');
    for (const message of [...told, answer]) git('commit', '-q', '--allow-empty', '-m', message);
    for (const [, name, value] of readPage('GUIDE-CLI.md').matchAll(
      /^git config (alias\.\w+) "([^"]+)"/gm,
    ))
      git('config', name ?? '', value ?? '');
    const subjects = (alias: string): readonly string[] =>
      git(alias, '--reverse', '--format=%s')
        .split('\n')
        .map((line) => line.replace(`${at.run}: `, ''));
    expect(subjects('said')).toEqual([
      'ask maintainer (ship): Ship?',
      'decided (ship): approve, by maintainer',
      expect.stringMatching(/^done/),
      'opus → workflow: the plan',
    ]);
    expect(subjects('talk')).toHaveLength(told.length + 1);
    expect(git('talk', `--grep=^Crosstalk-Run: ${at.run}`).split('\n')).toHaveLength(told.length);
  } finally {
    await fixture.dispose();
  }
});
