/**
 * `crosstalkd doctor`: looks at everything a dispatcher stands on, a line each, and with --fix
 * repairs what it can and looks again.
 */
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError, ERROR_CODES, errorText } from '../../base/errors.ts';
import { checkGit, createGit } from '../../transport/git-runner.ts';
import { given, type Invocation } from '../command.ts';
import { examineConfig } from './doctor-config.ts';
import { examineHost } from './doctor-host.ts';
import { examineRemote } from './doctor-remote.ts';
import { examineWakes } from './doctor-wake.ts';
import { type Finding, fine, trouble } from './finding.ts';
import { displayWidth, padWidth } from '../../base/display-width.ts';
import { type Colour, type Io, paint, plain, printFix } from '../io.ts';
import { lookAround } from '../look/look-around.ts';
import { printJson, startDirectory, wantsJson } from '../look/reading.ts';
import { RemoteAway } from '../session/remote-errors.ts';
import { examineWay } from './examine-way.ts';
import { counted } from '../../protocol/say-reason.ts';
import { fixByHand } from '../../base/fix.ts';

/** Each repair may bring up what it had hidden. */
const ROUNDS_MAX = 3;

/** Examines. Exit 1 when something is bad, 4 when that is the remote. */
export async function examine(invocation: Invocation): Promise<number> {
  const repaired: string[] = [];
  let findings = await examineOnce(invocation, null);
  for (
    let round = 0;
    given(invocation, 'fix') &&
    round < ROUNDS_MAX &&
    findings.some(({ repair }) => repair !== null);
    round += 1
  )
    findings = await examineOnce(invocation, repaired);
  if (repaired.length > 0) findings = await examineOnce(invocation, null);
  printFindings(invocation, findings, repaired);
  if (findings.some(({ name, level }) => name === 'remote' && level === 'bad'))
    return ERROR_CODES.REMOTE_UNREACHABLE.exit;
  return findings.some(({ level }) => level === 'bad') ? ERROR_CODES.REFUSED.exit : 0;
}

/** One examination; with `repaired`, repairs on the way and notes what was done. */
async function examineOnce(
  invocation: Invocation,
  repaired: string[] | null,
): Promise<readonly Finding[]> {
  const basics = [await examineGit(invocation), ...(await examineConfig(invocation))];
  if (repaired !== null) await repair(basics, repaired);
  if (basics.some(({ level }) => level === 'bad')) return basics;
  try {
    const around = await lookAround(invocation);
    try {
      const findings = [
        ...(await examineRemote(invocation, around)),
        ...(await examineHost(invocation, around)),
        ...(await examineWakes(invocation, around)),
      ];
      if (repaired !== null) await repair(findings, repaired);
      return [...basics, ...findings];
    } finally {
      await around.session.close();
    }
  } catch (error) {
    if (!(error instanceof CrosstalkError)) throw error;
    const name =
      error.code === 'REMOTE_UNREACHABLE'
        ? 'remote'
        : error.code === 'STATE_UNUSABLE'
          ? 'state'
          : 'transport';
    const { url, failure } = error instanceof RemoteAway ? error : { url: '', failure: null };
    const cwd = startDirectory(invocation);
    const way = await examineWay(url, failure, { env: invocation.env, cwd });
    return [
      ...basics,
      trouble('bad', name, {
        says: way === null ? error.message : `cannot reach ${url}: ${way.says}`,
        // This is what a remote that does not answer names elsewhere.
        fix:
          way?.fix ??
          (error.code === 'REMOTE_UNREACHABLE'
            ? fixByHand('check the URL and the network')
            : error.fix),
      }),
    ];
  }
}

async function repair(findings: readonly Finding[], repaired: string[]): Promise<void> {
  for (const finding of findings)
    if (finding.repair !== null) repaired.push(await finding.repair());
}

async function examineGit({ env, cwd }: Invocation): Promise<Finding> {
  try {
    return fine(
      'git',
      `version ${await checkGit(createGit({ env, gitDir: cwd, clock: systemClock }))}`,
    );
  } catch (error) {
    return trouble('bad', 'git', { says: errorText(error), fix: fixByHand('install a newer git') });
  }
}

const MARKS: Readonly<
  Record<Finding['level'], { readonly mark: string; readonly colour: Colour }>
> = {
  ok: { mark: 'ok  ', colour: 'green' },
  warn: { mark: 'warn', colour: 'yellow' },
  bad: { mark: 'bad ', colour: 'red' },
};

function printFindings(
  invocation: Invocation,
  findings: readonly Finding[],
  repaired: readonly string[],
): void {
  const bad = findings.filter(({ level }) => level === 'bad').length;
  const warnings = findings.filter(({ level }) => level === 'warn').length;
  if (wantsJson(invocation)) {
    const checks = findings.map(({ name, level, says, fix }) => ({ name, level, says, fix }));
    printJson(invocation, {
      ok: bad === 0,
      health: bad + warnings === 0 ? 'good' : 'degraded',
      checks,
      repaired,
    });
    return;
  }
  const { io } = invocation;
  for (const done of repaired) io.print(`${paint(io, 'cyan', 'done')}  ${plain(done)}`);
  const width = Math.max(...findings.map(({ name }) => displayWidth(plain(name))));
  for (const finding of findings) printFinding(io, finding, width);
  const mendable = findings.some(({ repair }) => repair !== null)
    ? '; crosstalkd doctor --fix repairs what it can'
    : '';
  io.print('');
  io.print(
    bad + warnings === 0
      ? 'All is well.'
      : `${counted(bad, 'fault')}, ${counted(warnings, 'warning')}${mendable}.`,
  );
}

function printFinding(io: Io, { name, level, says, fix }: Finding, width: number): void {
  const { mark, colour } = MARKS[level];
  io.print(`${paint(io, colour, mark)}  ${padWidth(plain(name), width)}  ${plain(says)}`);
  printFix(io, fix, `      ${' '.repeat(width)}  `);
}
