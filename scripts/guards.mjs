// Takes away one guard after the other, in a copy of the source, and runs the tests that should
// notice: the suite must be green with all guards and red without any one of them. A pattern has
// to match exactly once, so a guard that moves is never passed over in silence. FAULTS §6.
//   node scripts/guards.mjs [--only "hop limit" | --patterns]
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: { only: { type: 'string' }, patterns: { type: 'boolean' } },
});

/**
 * Lives of a transport in simulation, one after the other: the first that breaks a promise is
 * enough.
 */
const SEEDS = 'tests/seeds.test.ts';
const SEEDS_TEST = `import { expect, it } from 'vitest';
import { planOf } from './simulation/plan.ts';
import { runSeed } from './simulation/run-seed.ts';
it('every promise is kept', async () => {
  for (let seed = 1; seed <= 400; seed += 1) expect((await runSeed({ ...planOf(seed), atomic: true })).problems, 'seed ' + seed).toEqual([]);
}, 3_600_000);
`;

/**
 * What is taken away: in `file`, `find` becomes `without`. `tests`: files (or `file -t name`) of
 * which at least one test has to fail.
 */
const GUARDS = [
  {
    name: 'lease on the branch',
    file: 'transport/build-on-tip.ts',
    find: '[{ ref: publisher.branchRef, expected: tip, next: head }]',
    without:
      '[{ ref: publisher.branchRef, expected: (await publisher.repository.listRefs([])).value?.tip ?? null, next: head }]',
    tests: [SEEDS],
  },
  {
    name: 'lease as git gets it',
    file: 'transport/git-remote.ts',
    find: "`--force-with-lease=${ref}:${expected ?? ''}`",
    without: "`--force${ref === expected ? '' : ''}`",
    tests: ['tests/contract/git-repository.test.ts'],
  },
  {
    name: 'lease on the claim',
    file: 'dispatcher/claim-message.ts',
    find: 'expected: request.expected,',
    without:
      'expected: (await dispatcher.doors.repository.listRefs([dispatcher.settings.refs.claims])).value?.refs.get(dispatcher.settings.refs.claims + request.work.key) ?? null,',
    tests: [SEEDS],
  },
  {
    name: 'fence of the reply',
    file: 'dispatcher/publish-reply.ts',
    find: 'fences: [{ ref: parts.ref, expected: parts.payload.claimOid, next: null }],',
    without: 'fences: [],',
    tests: [SEEDS],
  },
  {
    name: 'terminal check',
    file: 'dispatcher/publish-reply.ts',
    find: 'if (standing != null) return null;',
    without: '',
    tests: [SEEDS],
  },
  {
    name: 'look after the claim',
    file: 'dispatcher/claim-message.ts',
    find: 'if (!isStillOurs(dispatcher, held)) {',
    without: 'if (!isStillOurs(dispatcher, held) && held.key === "") {',
    tests: ['tests/simulation/stories.test.ts -t way'],
  },
  {
    name: 'nonce',
    file: 'dispatcher/claim-message.ts',
    find: 'nonce: dispatcher.doors.random.hex(8),',
    without: "nonce: '0'.repeat(16),",
    tests: ['tests/dispatcher/fail-the-nth.test.ts', SEEDS],
  },
  {
    name: 'ancestry',
    file: 'transport/mirror.ts',
    find: '!(tip !== null && (await repository.isAncestor(was, tip)))',
    without: 'was === undefined',
    tests: ['tests/simulation/simulation.test.ts -t wound'],
  },
  {
    name: 'version file as it was',
    file: 'transport/mirror.ts',
    find: 'was === null || ours ? null : await changedVersion(was, tip)',
    without: 'null as Rewrite["version"]',
    tests: ['tests/transport/version-file.test.ts'],
  },
  {
    name: 'claims elsewhere count',
    file: 'dispatcher/select-work.ts',
    find: 'namesUnder(refs, claimsPrefix).has(key) || namesUnder(refs, elsewhere(claimsPrefix)).has(key)',
    without: 'namesUnder(refs, claimsPrefix).has(key)',
    tests: ['tests/dispatcher/select-work.test.ts'],
  },
  {
    name: 'journal order',
    file: 'dispatcher/run-attempt.ts',
    find: /await journal\(dispatcher, \{\s+kind: 'starting',[^}]*\}\);/,
    without: '',
    tests: ['tests/simulation/meddler.test.ts'],
  },
  {
    name: 'records of known hosts',
    file: 'dispatcher/believe-records.ts',
    find: 'return isHostOf(voice, alias) ? record : FORGED;',
    without: 'return voice.kind === "nobody" ? FORGED : record;',
    tests: ['tests/dispatcher/signed-hosts.test.ts'],
  },
  {
    name: 'beats that are put back',
    file: 'dispatcher/believe-records.ts',
    find: '(before !== undefined && !isNewer(beat, before))',
    without: '(before !== undefined && !isNewer(beat, before) && oid === name)',
    tests: ['tests/dispatcher/signed-hosts.test.ts'],
  },
  {
    name: 'beats that are too old',
    file: 'dispatcher/believe-records.ts',
    find: 'if (isOld(dispatcher, { beat, ref })) return;',
    without: '',
    tests: ['tests/dispatcher/signed-hosts.test.ts'],
  },
  {
    name: 'signatures of another transport',
    file: 'transport/kinship.ts',
    find: 'return !isMixed || (await isOurs(commit)) ? signed : null;',
    without: 'return signed;',
    tests: ['tests/transport/kinship.test.ts'],
  },
  {
    name: 'marks that nobody has signed',
    file: 'dispatcher/settle-started.ts',
    find: 'if (!ranHere && state.trust.held.has(work.key)) return null;',
    without: '',
    tests: ['tests/dispatcher/signed-hosts.test.ts'],
  },
  {
    name: 'replies that nobody known has signed',
    file: 'dispatcher/find-forged.ts',
    find: 'return counts ? [] :',
    without: 'return counts || path !== oid ? [] :',
    tests: ['tests/dispatcher/signed-hosts.test.ts'],
  },
  {
    name: 'who asks again what is signed',
    file: 'dispatcher/find-forged.ts',
    find: 'filter(({ by, path }) => isKnown(path) && !isKnown(by))',
    without: 'filter(({ by, path }) => isKnown(path) && by === path)',
    tests: ['tests/dispatcher/signed-parts.test.ts'],
  },
  {
    name: 'files that a signed message rests on',
    file: 'dispatcher/check-signatures.ts',
    find: 'const isSigned = isHost(voice) || peopleWho(voice',
    without: "const isSigned = voice.kind !== 'bad' || peopleWho(voice",
    tests: ['tests/dispatcher/signed-parts.test.ts'],
  },
  {
    name: 'saved workflows as they were signed',
    file: 'dispatcher/read-run.ts',
    find: "if (trust === null || !requires(trust, 'schedules')) return standing;",
    without: "if (trust === null || requires(trust, 'schedules')) return standing;",
    tests: ['tests/dispatcher/signed-parts.test.ts'],
  },
  {
    name: 'what a fork takes over',
    file: 'dispatcher/read-run.ts',
    find: "if (trust === null || !requires(trust, 'hosts')) return files;",
    without: "if (trust === null || requires(trust, 'hosts')) return files;",
    tests: ['tests/dispatcher/signed-parts.test.ts'],
  },
  {
    name: 'a reply in the way of a reply',
    file: 'transport/build-on-tip.ts',
    find: 'paths.find((path) => forged.has(path))',
    without: 'paths.find((path) => forged.has(path) && path === "")',
    tests: ['tests/dispatcher/signed-hosts.test.ts'],
  },
  {
    name: 'files of runs',
    file: 'dispatcher/check-hosts.ts',
    find: 'return isHost(voice) || (isAnswer',
    without: "return voice.kind !== 'bad' || (isAnswer",
    tests: ['tests/dispatcher/signed-hosts.test.ts'],
  },
  {
    name: 'rights of people',
    file: 'protocol/trust.ts',
    find: 'return rights === null || rights.get(person)?.has(right) === true;',
    without: 'return rights === null || rights.has(person) || right !== null;',
    tests: ['tests/dispatcher/rights.test.ts'],
  },
  {
    name: 'who signs people.yaml',
    file: 'dispatcher/signed-file.ts',
    find: "trust, right: 'operate', isReadable",
    without: "trust: { ...trust, rights: null }, right: 'operate', isReadable",
    tests: ['tests/dispatcher/rights.test.ts'],
  },
  {
    name: 'claims of moved messages',
    file: 'dispatcher/restore-claim.ts',
    find: '|| !isOpen(dispatcher, held.work)',
    without: '|| (!isOpen(dispatcher, held.work) && held.key === "")',
    tests: ['tests/simulation/stories.test.ts -t moved'],
  },
  {
    name: 'replies beside what is gone',
    file: 'transport/read-changes.ts',
    find: 'await readRepliesBeside(repository, range, changed)',
    without: 'await readRepliesBeside(repository, range, changed.slice(0, 0))',
    tests: ['tests/simulation/stories.test.ts -t nothing'],
  },
  {
    name: 'mark before the start',
    file: 'dispatcher/run-attempt.ts',
    find: "effects === 'external' ? await markStart(dispatcher, held) : 'marked'",
    without:
      "effects === 'external' && held.key === '' ? await markStart(dispatcher, held) : 'marked'",
    tests: ['tests/simulation/meddler.test.ts'],
  },
  {
    name: 'started here before',
    file: 'dispatcher/start-ledger.ts',
    find: "some(({ effects }) => effects === 'external')",
    without: "some(({ effects }) => effects === 'external' && key === '')",
    tests: ['tests/simulation/meddler.test.ts'],
  },
  {
    name: 'attempts by the journal',
    file: 'dispatcher/select-work.ts',
    find: 'if (attempts >= entry.attempts)',
    without: 'if (attempts < 0)',
    tests: ['tests/simulation/meddler.test.ts'],
  },
  {
    name: 'claim put back',
    file: 'dispatcher/keep-lease.ts',
    find: 'standing !== held.state.oid && !(await restoreClaim(dispatcher, held, standing))',
    without: 'standing !== held.state.oid',
    tests: ['tests/simulation/meddler.test.ts'],
  },
  {
    name: 'holder that was seen serving',
    file: 'dispatcher/settle-claims.ts',
    find: "!isKnown || claim.effects === 'external'",
    without: "claim.effects === 'external'",
    tests: ['tests/simulation/meddler.test.ts'],
  },
  {
    name: 'hop limit',
    file: 'dispatcher/select-work.ts',
    find: 'if (hops >= view.hopsMax)',
    without: 'if (hops < 0)',
    tests: ['tests/dispatcher/select-work.test.ts'],
  },
  {
    name: 'whose messages an entry takes',
    file: 'dispatcher/select-work.ts',
    find: "if (refused !== null) return { kind: 'not-accepted', host, model, ...refused };",
    without: '',
    tests: ['tests/dispatcher/select-work.test.ts'],
  },
  {
    name: 'whose messages a fallback takes',
    file: 'dispatcher/run-attempt.ts',
    find: 'others.filter((other) => judgeAdmission(other, message) === null)',
    without: 'others.filter((other) => judgeAdmission(other, message) !== undefined)',
    tests: ['tests/cli/admission.test.ts'],
  },
  {
    name: 'whom an agent may ask',
    file: 'cli/talk/send.ts',
    find: '      refuseForbidden(sender, to);\n',
    without: '',
    tests: ['tests/fleet/may-send.test.ts'],
  },
  {
    name: 'a key on a token that was touched',
    file: 'protocol/ssh-signature.ts',
    find: '((rest[0] ?? 0) & TOUCHED) === 0',
    without: '((rest[0] ?? 0) & TOUCHED) === 2',
    tests: ['tests/protocol/ssh-signature.test.ts'],
  },
  {
    name: 'files that must be signed',
    file: 'dispatcher/signed-file.ts',
    find: 'return peopleWho(hear(signed, trust.signers), right, trust).length > 0;',
    without: 'return hear(signed, trust.signers).kind !== right;',
    tests: ['tests/dispatcher/rights.test.ts'],
  },
  {
    name: 'what a merge puts back',
    file: 'transport/git-history.ts',
    find: 'return isLast ? commit : undefined;',
    without: 'return isLast || true ? commit : undefined;',
    tests: ['tests/contract/git-repository.test.ts'],
  },
  {
    name: 'a mark that was removed',
    file: 'dispatcher/mark-start.ts',
    find: 'return writes.length > 0;',
    without: 'return writes.length < 0;',
    tests: ['tests/simulation/meddler.test.ts'],
  },
  {
    name: 'the question as it was asked',
    file: 'dispatcher/ask-person.ts',
    find: '=== asked.text) return answer;',
    without: '!== null) return answer;',
    tests: ['tests/dispatcher/asked-person.test.ts'],
  },
  {
    name: 'words written since they were heard',
    file: 'dispatcher/find-speakers.ts',
    find: 'byPath.delete(path);',
    without: 'byPath.has(path);',
    tests: ['tests/dispatcher/rights.test.ts'],
  },
  {
    name: 'a copy of what was let through',
    file: 'protocol/trust.ts',
    find: 'return `${blob} ${path}`;',
    without: 'return path === blob ? path : blob;',
    tests: ['tests/dispatcher/signed-parts.test.ts'],
  },
  {
    name: 'a mark whose message is gone',
    file: 'transport/read-started.ts',
    find: '!found.has(replyOf(path)) || !found.has(messageOf(path))',
    without: '!found.has(replyOf(path))',
    tests: [
      'tests/transport/read-started.test.ts',
      'tests/transport/read-changes.test.ts',
      'tests/simulation/stories.test.ts -t copy',
    ],
  },
  {
    name: 'engine refusal',
    file: 'protocol/front-matter.ts',
    find: 'if (!/^---[ \\t]*$/.test(first))',
    without: 'if (!/^---/.test(first))',
    tests: ['tests/protocol/front-matter.test.ts'],
  },
  {
    name: 'path grammar',
    file: 'protocol/paths.ts',
    find: 'return end < path.length - 1 && isChannel(channel) ? channel : null;',
    without: 'return end < path.length - 1 ? channel : null;',
    tests: ['tests/protocol/paths.test.ts'],
  },
  {
    name: 'approval',
    file: 'local/served-models.ts',
    find: 'if (approvedHash === entry.hash)',
    without: 'if (approvedHash !== undefined)',
    tests: ['tests/local/served-models.test.ts'],
  },
  {
    name: 'a checkout without what runs code',
    file: 'local/fill-worktree.ts',
    find: 'const wanted = all.filter((entry) => !isOut(entry));',
    without: 'const wanted = all;',
    tests: ['tests/local/git-worktree.test.ts'],
  },
  {
    name: 'a worktree read without its own git',
    file: 'local/read-worktree.ts',
    find: 'const args = [`--git-dir=${gitDirectory}`, `--work-tree=${directory}`, ',
    without: 'const args = [',
    tests: ['tests/local/git-worktree.test.ts'],
  },
  {
    name: 'no link followed out of a worktree',
    file: 'local/read-worktree.ts',
    find: 'const content = (await isFolder(parentOf(path)))',
    without: 'const content = (await isFolder(parentOf(path))) || true',
    tests: ['tests/local/git-worktree.test.ts'],
  },
  {
    name: 'no program beside what it would run',
    file: 'agents/run-agents.ts',
    find: 'if (found !== null) return failed(',
    without: 'if (found === undefined) return failed(',
    tests: ['tests/agents/checkout.test.ts'],
  },
  {
    name: 'no trust in a checkout by the transport',
    file: 'local/served-models.ts',
    find: 'trustCheckout: false }',
    without: 'trustCheckout: entry.trustCheckout }',
    tests: ['tests/local/served-models.test.ts'],
  },
  {
    name: 'what an agent may call',
    file: 'cli/execute.ts',
    find: '    refuseAgents(spec, caller);\n',
    without: '',
    tests: ['tests/cli/who-may.test.ts'],
  },
  {
    name: 'an agent is told by what is above it',
    file: 'local/ancestors.ts',
    find: "return at < 0 ? { kind: 'person' } : { kind: 'agent', env: {} };",
    without: "return { kind: 'person' };",
    tests: ['tests/cli/who-may.test.ts'],
  },
  {
    name: 'no decision by a tool',
    file: 'cli/talk/mcp-tools.ts',
    find: '...(allowDecisions ? DECISIONS : [])',
    without: '...DECISIONS',
    tests: ['tests/cli/mcp.test.ts'],
  },
  {
    name: 'an address that lets in once',
    file: 'web/http-server.ts',
    find: 'parts.keys.tokens.delete(came.token);',
    without: '',
    tests: ['tests/web/guard.test.ts'],
  },
  {
    name: 'no token among arguments',
    file: 'web/serve-page.ts',
    find: 'spawn(program, [door], {',
    without: 'spawn(program, [url], {',
    tests: ['tests/web/guard.test.ts'],
  },
  {
    name: 'no session of another thread',
    file: 'local/session-ledger.ts',
    find: '&& belongs(message, use)',
    without: '',
    tests: ['tests/local/session-ledger.test.ts'],
  },
  {
    name: 'a thread that cannot end its marks',
    file: 'protocol/fence.ts',
    find: "showHidden(cut).replaceAll(nonce, '············')",
    without: 'cut',
    tests: ['tests/protocol/records.test.ts'],
  },
];

if (values.patterns === true) {
  for (const guard of GUARDS) takeAway(guard, readFileSync(join(ROOT, 'src', guard.file), 'utf8'));
  process.exit(0);
}
const place = mkdtempSync(join(tmpdir(), 'crosstalk-guards-'));
let failures = 0;
try {
  // Tests reach the source by relative paths: a copy beside it is what they then judge.
  for (const name of [
    'src',
    'tests',
    'scripts',
    'bin',
    'template',
    'package.json',
    'tsconfig.json',
  ])
    cpSync(join(ROOT, name), join(place, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(place, 'node_modules'));
  writeFileSync(
    join(place, 'vitest.config.ts'),
    "export default { test: { globalSetup: ['tests/support/global-setup.ts'], testTimeout: 240_000, pool: 'forks', maxWorkers: 2, bail: 1 } };\n",
  );
  writeFileSync(join(place, SEEDS), SEEDS_TEST);
  const named = GUARDS.filter(({ name }) => values.only === undefined || name === values.only);
  if (named.length === 0)
    throw new Error(`no such guard; there are: ${GUARDS.map(({ name }) => name).join(', ')}`);
  for (const guard of GUARDS) takeAway(guard, readFileSync(join(place, 'src', guard.file), 'utf8'));
  tell('all guards', judge([...new Set(named.flatMap(({ tests }) => tests))], true), true);
  for (const guard of named) {
    const path = join(place, 'src', guard.file);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, takeAway(guard, text));
    tell(`without ${guard.name}`, judge(guard.tests, false), false);
    writeFileSync(path, text);
  }
} finally {
  rmSync(place, { recursive: true, force: true });
}
process.exit(failures === 0 ? 0 : 1);

function takeAway({ name, file, find, without }, text) {
  const count =
    typeof find === 'string' ? text.split(find).length - 1 : (text.match(find) ?? []).length;
  if (count !== 1)
    throw new Error(
      `the guard "${name}" occurs ${count} times in src/${file}, expected once: fix its pattern in scripts/guards.mjs`,
    );
  return text.replace(find, () => without);
}

/**
 * Runs the tests, all of them or up to the first that fails. `green`: all passed. A suite that
 * could not even be loaded counts as neither.
 */
function judge(tests, all) {
  const started = performance.now();
  const results = [];
  for (const each of tests) {
    const { status, stdout, stderr } = spawnSync(
      join(ROOT, 'node_modules', '.bin', 'vitest'),
      ['run', ...each.split(' ')],
      {
        cwd: place,
        encoding: 'utf8',
        env: { ...process.env, NO_COLOR: '1' },
        maxBuffer: 64 * 1024 * 1024,
      },
    );
    const failed = /Tests +(\d+) failed/.exec(stdout)?.[1] ?? '0';
    results.push({ status, output: `${stdout}${stderr}`, failed });
    if (!all && failed !== '0') break;
  }
  const green = results.every(({ status }) => status === 0);
  const failed = results.reduce((sum, each) => sum + Number(each.failed), 0);
  return {
    colour: green ? 'green' : failed > 0 ? 'red' : 'broken',
    failed,
    results,
    seconds: (performance.now() - started) / 1_000,
  };
}

function tell(what, { colour, failed, results, seconds }, wantsGreen) {
  const good = colour === (wantsGreen ? 'green' : 'red');
  console.log(
    `${good ? 'ok  ' : 'FAIL'} ${what.padEnd(32)} ${colour}${failed > 0 ? ` (${failed})` : ''}, ${seconds.toFixed(0)} s`,
  );
  if (good) return;
  failures += 1;
  for (const { output } of results) console.log(output.split('\n').slice(-40).join('\n'));
}
