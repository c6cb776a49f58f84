import { expect, test } from 'vitest';
import { drive, type Say, type Asked, type World, world } from './drive.ts';

/** A second run that takes over what the first had finished. */
function again(at: World, head: string, answer: (asked: Asked) => Say): World {
  const marker = 'data/channels/general/2026/11/21/07000000again.md';
  at.files.set(
    marker,
    `---\nto: workflow\nfrom: maintainer\ntype: workflow\nchild_channel: again\n${head}\nfork: { run: ${at.run} }\n---\n`,
  );
  return { ...at, marker, run: 'again', commits: [], asked: [], answer };
}

const askedIn = ({ asked }: World): readonly string[] => asked.map(({ step }) => step);

test.each<[string, string, readonly string[], readonly string[]]>([
  [
    'a step that was undone, and what hangs on it',
    `model: opus
steps:
  plan: { prompt: plan }
  deploy: { needs: [plan], prompt: deploy, undo: rollback }
  rollback: { needs: [deploy], prompt: roll back }
  tell: { needs: [deploy], prompt: tell }
  check: { needs: [deploy], prompt: check }`,
    ['plan', 'deploy', 'tell', 'check', 'rollback'],
    ['deploy', 'tell', 'check'],
  ],
  [
    'what finally does',
    `model: opus
steps:
  plan: { prompt: plan }
  check: { needs: [plan], prompt: check }
finally:
  clean: { prompt: clean up }
  report: { needs: [clean], prompt: report }`,
    ['plan', 'check', 'clean', 'report'],
    ['check', 'clean', 'report'],
  ],
  [
    'a group in finally',
    `model: opus
steps:
  check: { prompt: check }
finally:
  end: { steps: { one: { prompt: one }, two: { prompt: two } } }`,
    ['check', 'one', 'two'],
    ['check', 'one', 'two'],
  ],
])('a retry runs again %s', (...[, plan, first, second]) => {
  const at = world(plan, ({ step }) => (step === 'check' ? { failed: 'crash' } : step));
  drive(at);
  expect([...askedIn(at)].sort()).toEqual([...first].sort());
  const retried = again(at, plan, ({ step }) => step);
  expect(drive(retried)).toContain('status: succeeded');
  expect([...askedIn(retried)].sort()).toEqual([...second].sort());
});

test('the plan of the run that undid a step says so, even if the new plan has no undo', () => {
  const plan = (undo: string): string =>
    `model: opus\nsteps:\n  deploy: { prompt: deploy${undo} }\n  back: { needs: [deploy], prompt: back }\n  check: { needs: [deploy], prompt: check }`;
  const at = world(plan(', undo: back'), ({ step }) =>
    step === 'check' ? { failed: 'crash' } : step,
  );
  drive(at);
  const retried = again(at, plan(''), ({ step }) => step);
  drive(retried);
  expect(askedIn(retried)).toContain('deploy');
});

test('no cache answers for finally, for undo, or for what can be undone', () => {
  const plan = `model: opus
defaults: { cache: run }
steps:
  one: { prompt: same }
  deploy: { needs: [one], prompt: same, undo: back }
  back: { needs: [deploy], prompt: same }
  check: { needs: [deploy], prompt: check }
finally:
  clean: { prompt: same }`;
  const at = world(plan, ({ step }) => (step === 'check' ? { failed: 'crash' } : step));
  drive(at);
  expect([...askedIn(at)].sort()).toEqual(['back', 'check', 'clean', 'deploy', 'one']);
});
