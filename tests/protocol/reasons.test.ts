import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { andThen, fixBy, formatCommands, formatFix, orElse } from '../../src/base/fix.ts';
import { fixOf, needsPerson, tellReason } from '../../src/protocol/remedy.ts';
import type { ReasonKind } from '../../src/protocol/reason.ts';
import { headOf } from '../../src/cli/look/why.ts';
import { sayReason } from '../../src/protocol/say-reason.ts';
import { REASONS } from '../support/reasons.ts';

/** What is said of each example, and what helps. */
const PHRASES: readonly (readonly [ReasonKind, string, string | null])[] = [
  ['other', 'something that only a newer version says', null],
  ['failed', 'usage-limit: resets at 7am', null],
  ['failures', '5 failures within 1m 00s, the last: crash: status 1', null],
  ['fallback-failed', 'its fallback gpt: sign in again', null],
  ['setup', 'the disk is full', null],
  ['claims-refused', 'the remote takes no claims: hook declined', 'crosstalkd doctor'],
  [
    'budget',
    'budget: opus used 5.00 of 5 USD this day; resumes at 2026-11-22T00:00Z',
    'edit data/budgets.yaml, or wait',
  ],
  ['served', 'served', null],
  ['unapproved', 'not approved on this host', 'crosstalkd allow opus'],
  ['changed-since-approval', 'changed since it was approved', 'crosstalkd allow opus'],
  [
    'invalid',
    'data/models.yaml:3: found a list; expected a mapping',
    'crosstalkd lint data/models.yaml',
  ],
  ['older', 'has the format of versions before 8 (claude -p)', 'crosstalkd upgrade-transport'],
  ['excluded', 'left out by --only', 'remove "only" from config.yaml, or add opus to it'],
  ['no-entry', 'no entry for "opus" in models.yaml', 'crosstalkd models'],
  [
    'no-program',
    'program "claude" is not installed',
    'install "claude", or write its path in command: [...]',
  ],
  [
    'program-elsewhere',
    'program "claude" is not on the PATH here, but at /opt/claude',
    'command: ["/opt/claude"] in models.yaml',
  ],
  [
    'ready',
    'is ready; server or laptop takes it at its next poll, if its config.yaml has the project "shop"',
    'put "projects: { shop: <directory> }" into the config.yaml of a host that serves it, then there: crosstalkd stop, crosstalkd run',
  ],
  [
    'twin',
    'has the same id as data/channels/b/x.md, which counts; this copy is never run',
    "git pull --rebase && git rm data/channels/a/x.md && git commit -m 'Remove a copy' && git push   (in a clone of the transport)",
  ],
  ['unsigned', 'is from ada, but signed by eve', 'crosstalkd trust message data/channels/a/x.md'],
  ['workflow', 'is a workflow; its run shows where it stands', 'crosstalkd workflow show build'],
  ['stale', 'is 8d 0h old (max-age 7d 0h): it runs only when asked again', 'crosstalkd retry x'],
  ['hops', 'took 8 hops (limit 8): agents kept answering agents', 'crosstalkd cancel x'],
  ['held', 'is in progress on laptop', null],
  ['pinned', 'is for opus on phone only', null],
  [
    'pinned-away',
    'waits for host "phone", which is not up',
    'crosstalkd run --alias phone   (or: crosstalkd cancel x; the first one on phone)',
  ],
  ['not-served', 'not approved on this host', 'crosstalkd allow opus'],
  [
    'ran-before',
    'was run on laptop before the branch was rewritten',
    'crosstalkd cancel x && crosstalkd retry x',
  ],
  ['started', 'was started on server and may have had effects: no host starts it again', null],
  ['attempts', 'had 3 attempts on laptop already', null],
  [
    'not-accepted',
    'deploy on laptop takes messages of ada, channel:ops only, and this is from eve in general',
    'its operator changes "accept-from" of deploy in models.yaml, or somebody else asks',
  ],
  [
    'no-project',
    'laptop has no project "shop" in its config.yaml',
    'put "projects: { shop: <directory> }" into the config.yaml of a host that serves it, then there: crosstalkd stop, crosstalkd run',
  ],
  [
    'rests',
    'opus rests for 1h 00m: usage-limit: resets at 7am',
    'crosstalkd resume opus   (on server)',
  ],
  ['claimed', 'is claimed by another dispatcher', null],
  ['not-taking', 'is draining', null],
  ['model-busy', 'opus runs 2 of 2 at a time', null],
  ['rate', 'opus has used its 10 runs of this hour; resumes in 5m 00s', null],
  ['slots-busy', 'all 4 slots are busy', null],
  ['waiting', 'laptop (this host): all 4 slots are busy', null],
  [
    'parked',
    'laptop (this host): opus rests for 1h 00m: usage-limit: resets at 7am',
    'crosstalkd resume opus',
  ],
  ['all-paused', 'all hosts are paused, ordered by ada', 'crosstalkd resume --all'],
  ['paused', 'server: is paused', 'crosstalkd resume   (on server)'],
  [
    'unknown-name',
    'nobody is named "opsu": neither a model of this transport nor a person seen in it; did you mean "opus"?',
    'crosstalkd cancel x   (or correct "to:" in d/x.md)',
  ],
  [
    'nobody-serves',
    'no dispatcher that serves opus is up; this host can serve it',
    'crosstalkd run',
  ],
  [
    'not-allowed',
    'no host that is up serves opus; here it is not approved',
    'crosstalkd allow opus',
  ],
  [
    'remote-away',
    'the remote is away, so it is unknown which hosts serve opus now',
    'crosstalkd doctor',
  ],
  ['preferred-away', 'it prefers phone, which is not up', null],
  [
    'running',
    'runs on laptop (this host), attempt 2 (continues attempt 1 on server); its agent has run for 5.0s; it prefers phone, which is not up',
    'crosstalkd cancel x',
  ],
  [
    'answer-refused',
    'is answered on laptop (this host), but the answer cannot be published: a folder is there',
    'remove what is in the way: git rm, commit, push',
  ],
  [
    'claim-unreadable',
    'has an unreadable claim; a dispatcher removes it one lease after it has seen it',
    'crosstalkd doctor --fix',
  ],
  [
    'holder-silent',
    'laptop is silent for 29s (lease 20s); its last beat is 30s old by its own clock. Next: another host runs it again',
    'crosstalkd run --alias laptop   (there, if it should not wait for the lease)',
  ],
  ['beat-unreadable', 'its beat cannot be read', null],
  [
    'host-silent',
    'is silent: its last beat is 1h 00m old by its own clock; after a lease of silence others take over',
    null,
  ],
  [
    'host-suspect',
    'is suspect: it could have taken work for 1m 30s and has not (it polls every 30s)',
    'crosstalkd run --alias server   (on server, if its dispatcher has died)',
  ],
  ['does-not-serve', 'does not serve opus', null],
  ['free', 'serves it and has 3 of 4 slots free', null],
  ['unopened', 'no host has opened it yet', 'crosstalkd run'],
  ['plan-refused', 'line 3: unknown key "stepz"', null],
  ['newer-engine', 'it was started by engine 9; this host is older', 'npm install -g crosstalkd'],
  [
    'group-full',
    'the group "deploy" is full: it waits for r-1 and 1 more to end',
    'crosstalkd workflow why r-1',
  ],
  [
    'follow-unsafe',
    'continues with its old plan; it cannot follow the new "nightly": "a" started already',
    'crosstalkd workflow cancel r-1 && crosstalkd workflow rerun r-1   (to start over with the new one, or let it end)',
  ],
  [
    'marker-edited',
    'its marker was edited since it began, and it keeps the plan it began with',
    'crosstalkd workflow cancel r-1 && crosstalkd workflow rerun r-1   (to start over with it as it is now, or let it end)',
  ],
  ['run-paused', 'it is paused', 'crosstalkd workflow resume r-1'],
  ['run-budget', 'its budget is used up (usd 5)', 'crosstalkd workflow budget r-1 --usd 10'],
  [
    'gate',
    'gate go: "Ship it?" waits for ada, bob (1 of 2); the answer of eve does not count: eve was not asked',
    "crosstalkd workflow approve r-1 go --choice yes   (or: crosstalkd workflow approve r-1 go --choice '$(touch X)')",
  ],
  [
    'gate-decided',
    'gate go: "Ship it?" is decided: approved by ada',
    'crosstalkd workflow show r-1',
  ],
  [
    'gate-unanswered',
    'gate go: "Ship it?" was not answered before its run ended',
    'crosstalkd workflow show r-1',
  ],
  [
    'event',
    'ship waits for the event "go; touch X"',
    "crosstalkd workflow signal r-1 'go; touch X'",
  ],
  ['schedule', 'w/x.md does not start on its own: no such zone', 'crosstalkd workflow check x'],
  ['step-waits', 'nap waits until 1970-01-01T00:00:00.000Z', null],
  ['tasks', 'a, b and 2 more (opus): waiting', 'crosstalkd why p.md'],
  ['child-run', 'is not over', 'crosstalkd workflow why data/channels/r-1/x.md'],
  ['task-unseen', 'waiting', 'crosstalkd why data/channels/r-1/x.md'],
  ['files-refused', 'its next files cannot be published: hook declined', 'crosstalkd doctor'],
  ['run-ended', 'check: crash: status 1', 'crosstalkd workflow retry r-1'],
  [
    'run-moves',
    'nothing blocks it: a host advances it at its next poll',
    'crosstalkd workflow show r-1',
  ],
  ['run-over', 'is over: succeeded', 'crosstalkd workflow show r-1'],
  ['cancelled', 'cancelled by ada, 1m 00s ago', 'crosstalkd retry x'],
  ['answered-by-hand', 'answered by hand by ada, 1m 00s ago', null],
  ['answered', 'answered 1m 00s ago on laptop, attempt 3, 4.0s', 'crosstalkd show x.re.opus'],
  [
    'answer-failed',
    'failed 1m 00s ago on laptop, attempt 3, 4.0s: exit status 1: Error 529',
    'crosstalkd retry x',
  ],
  ['dismissed', 'dismissed, so nothing has to be done', null],
  ['run-answered', 'failed 1m 00s ago by its run', 'crosstalkd workflow show x'],
  ['retried', 'was asked again by y', 'crosstalkd why y'],
  ['answered-elsewhere', 'answered by y', 'crosstalkd show y'],
  ['ended-by-older', 'was ended by an older program in r-0', 'crosstalkd channels'],
  ['own', 'wrote it; nobody answers their own message', null],
  ['is-reply', 'is answered with this; a reply asks nobody', null],
  ['person', 'is a person; people answer when they want to', null],
  ['unread', 'is not read yet', 'crosstalkd status'],
  ['closed', 'need not answer: the message was closed', 'crosstalkd thread x'],
  [
    'asked-nobody',
    'asks "all", and this transport has no models',
    'crosstalkd models   (write data/models.yaml first)',
  ],
  [
    'order-nowhere',
    'an order to a workflow run, and "general" is not a run',
    'crosstalkd workflow list',
  ],
  [
    'is-answer',
    'is the answer of opus to x (continues attempt 1 on server, with changes)',
    'crosstalkd why x',
  ],
  ['gone', 'does not exist any more', 'crosstalkd log'],
  [
    'odd-reply',
    'cannot be answered: a folder stands where the answer belongs (d/x.re.opus.md); remove it in a clone',
    "git pull --rebase && git rm -r d/x.re.opus.md && git commit -m 'Make room for the answer' && git push   (in a clone of the transport)",
  ],
  [
    'unreadable-reply',
    'is closed by d/x.re.opus.md, which is not a message: line 1: found no front matter; expected "---"; fix it, or remove it to ask again',
    "git pull --rebase && git rm -r d/x.re.opus.md && git commit -m 'Make room for the answer' && git push   (in a clone of the transport)",
  ],
  [
    'asks',
    'waits on laptop for ada or bob to allow it, for 1m 00s: opus asks to be allowed: rm x',
    'crosstalkd show q   (or: crosstalkd answer q approve; or: crosstalkd answer q deny)',
  ],
  [
    'asked',
    'opus asked ada 1m 00s ago: which port?',
    'crosstalkd show q   (or: crosstalkd answer q -m ANSWER)',
  ],
  [
    'question-closed',
    'needs no answer any more: the attempt that asked it has continued or ended',
    'crosstalkd thread q',
  ],
  [
    'late',
    'an answer of opus, attempt 2 was kept here 1m 00s ago and not published: the claim was taken over',
    'crosstalkd adopt x --to opus   (or: crosstalkd adopt x --to opus --discard)',
  ],
  [
    're-nothing',
    'its re: names d/y.md, which does not exist: it starts its own thread',
    'crosstalkd lint d/x.md',
  ],
  [
    'rejected',
    'is not a message: line 2: found "To:"; expected "to:"',
    "crosstalkd lint 'd/a b.md'",
  ],
  ['files-rejected', '14 files are not messages', 'crosstalkd lint'],
  ['idle', 'nothing waits for it', null],
  ['outage', 'the remote does not answer: no route to host', 'crosstalkd doctor'],
  [
    'rewritten',
    'the branch on the remote does not contain what was read before; nothing runs until you have looked',
    'crosstalkd accept-rewrite',
  ],
  [
    'version-changed',
    'CROSSTALK-VERSION changed from "7" to "7, custom-refs: no", which moves the claims; nothing runs until you have looked',
    'crosstalkd accept-rewrite',
  ],
  ['config', 'config.yaml line 1: found a list', 'crosstalkd doctor'],
  [
    'halted',
    'the dispatcher here has halted until you accept what is on the branch',
    'crosstalkd accept-rewrite',
  ],
  [
    'silent-here',
    'a dispatcher holds this state directory but does not answer',
    'crosstalkd doctor',
  ],
  ['waits-for-remote', 'the dispatcher here waits for the remote: hook hangs', 'crosstalkd doctor'],
  ['outbox', '1 finished answer of this host waits to be delivered', 'crosstalkd run'],
  ['publish-refused', 'd/x.md has been refused for 1m 00s: hook declined', 'crosstalkd doctor'],
  ['paused-here', 'laptop (this host) is paused', 'crosstalkd resume'],
  ['model-not-served', 'opus: not approved on this host', 'crosstalkd allow opus'],
  [
    'mirror-behind',
    'the mirror git@backup.example:team.git does not get the branch: no route to host',
    'git ls-remote git@backup.example:team.git   (retried with the next change of the branch)',
  ],
  [
    'models-unreadable',
    'data/models.yaml line 2: found a tab; expected spaces; the last good models stay in force',
    'crosstalkd lint data/models.yaml',
  ],
  ['garbage-claims', '2 claims on the remote cannot be read', 'crosstalkd doctor --fix'],
  ['failure', 'failed 1h 00m ago: crash: status 1', 'crosstalkd retry x   (or: crosstalkd ack x)'],
  ['outcome-unknown', '1h 00m ago: laptop was lost', 'crosstalkd retry x   (or: crosstalkd ack x)'],
  ['unsent', '3 messages in this clone are not sent', "crosstalkd send -C '/home/a b' d/x.md"],
  ['unpushed', '1 commit with messages in this clone is not sent', "git -C '/home/a b' push"],
  ['no-dispatcher', 'no dispatcher runs on this host for this transport', 'crosstalkd run'],
  ['host', 'server  paused; holds x for opus', 'crosstalkd resume   (on server)'],
  ['host-down', 'no dispatcher with this name is up', 'crosstalkd run --alias phone   (on phone)'],
  [
    'alias-twice',
    '2 hosts have this name; both work, but laptop means two machines',
    'crosstalkd run --alias NAME   (on one of them)',
  ],
];

it.each(PHRASES)('%s has one sentence and one remedy', (kind, says, fix) => {
  const told = tellReason(REASONS[kind]);
  expect(told.says).toBe(says);
  expect(told.fix === null ? null : formatFix(told.fix)).toBe(fix);
});

it('has a phrase for every kind', () => {
  expect(PHRASES.map(([kind]) => kind)).toEqual(Object.keys(REASONS));
});

it('a file that no known host signed is removed from the branch, one of a new host is not', () => {
  const file = { ...REASONS.unsigned, isOfAnother: true } as const;
  const fixes = ([{ kind: 'nobody' }, { kind: 'stranger', key: 'ssh-ed25519 AAAA' }] as const).map(
    (found) => formatFix(fixOf({ ...file, found }) ?? fixBy``),
  );
  expect(fixes).toEqual([
    "git pull --rebase && git rm data/channels/a/x.md && git commit -m 'Remove a file that nobody known signed' && git push   (or: crosstalkd trust message data/channels/a/x.md; in a clone of the transport; without the file the message is open again)",
    'crosstalkd trust message data/channels/a/x.md   (this file only; if a host of yours has that key: crosstalkd trust add HOST --host)',
  ]);
});

it('why says itself what the hosts would say, when it lists none', () => {
  const { parked } = REASONS;
  expect(headOf(parked)).toBe('no host takes it now');
  const alone = headOf({ ...parked, hosts: [] });
  expect(alone).toBe(`opus rests here: ${parked.why.map(sayReason).join('; ')}`);
});

it('names a remedy for everything that needs a person', () => {
  const without = Object.values(REASONS).filter((one) => needsPerson(one) && fixOf(one) === null);
  expect(without.map((one) => sayReason(one))).toEqual([]);
});

it('is a list of words: no value can add another word', () => {
  const strange = "a b'; touch X; $(touch Y) `z` \u001b[31m\u202e";
  const fix = fixBy`printf %s --name=${strange} ${['two', 'w o']} end`;
  expect(fix.command).toEqual(['printf', '%s', `--name=${strange}`, 'two', 'w o', 'end']);
  const [line = ''] = formatCommands({ ...fix, command: ['printf', '%s', strange] });
  expect(line).not.toMatch(/[\u001b\u202e]/);
  expect(execFileSync('bash', ['-c', line], { encoding: 'utf8' })).toBe(strange);
});

it('prints sequences of commands, and alternatives', () => {
  const fix = andThen(orElse(fixBy`a b`, fixBy`c ${'d e'}`), fixBy`f`);
  expect(formatCommands(fix)).toEqual(['a b && f', "c 'd e'"]);
  expect(formatFix({ ...fix, note: 'there' })).toBe("a b && f   (or: c 'd e'; there)");
});

it.each(Object.values(REASONS))('$kind says something also where no host is known', (reason) => {
  expect(sayReason({ ...reason, ...('hosts' in reason ? { hosts: [] } : {}) })).not.toBe('');
});
