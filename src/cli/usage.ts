/**
 * How each command is used: one or two examples, and its exit codes. Below each command's `--help`
 * and in docs/reference.md; a test parses every example.
 */
import { ERROR_CODES } from '../base/errors.ts';

/** The end of a command's help. */
export interface Usage {
  /** Whole command lines as a person types them. */
  readonly examples: readonly string[];
  /** Code → what it means here. */
  readonly exits: Readonly<Record<number, string>>;
}

const HERE = { 0: 'done', 2: 'the command line or the configuration is invalid' } as const;
/** Of what asks the remote. */
const AWAY = { ...HERE, [ERROR_CODES.REMOTE_UNREACHABLE.exit]: 'the remote cannot be reached' };
const GONE = { 3: 'it does not exist' } as const;
const NOTHING = { 3: 'there is nothing to show' } as const;
const REFUSED = { 1: 'the remote or the state of the conversation forbids it' } as const;
const READ = { ...AWAY, ...GONE };
const WRITE = { ...AWAY, ...REFUSED, ...GONE };
const AWAITED = {
  ...WRITE,
  1: 'refused, or an answer is a failure',
  3: 'not all answers came in time',
} as const;
const ORDER = { ...AWAY, 3: 'no dispatcher runs here' } as const;

const of = (exits: Usage['exits'], ...examples: readonly string[]): Usage => ({ examples, exits });

/** By the whole name of a command: `workflow run`. */
export const USAGE: Readonly<Record<string, Usage>> = {
  init: of(
    { ...AWAY, ...REFUSED },
    'crosstalkd init team --alias laptop',
    'crosstalkd init crew --remote git@example.com:crew.git',
  ),
  run: of(
    {
      ...AWAY,
      1: 'the remote refused work, an order to all hosts ended it, or its terminal was closed',
      5: 'another dispatcher of this host serves this transport',
    },
    'crosstalkd run',
    'crosstalkd run --once --only opus,gpt',
  ),
  join: of(
    { ...AWAY, ...REFUSED },
    'crosstalkd join git@example.com:crew.git --alias phone',
    'crosstalkd join',
  ),
  allow: of(
    { ...HERE, 3: 'nothing waits to be approved' },
    'crosstalkd allow opus',
    'crosstalkd allow --add claude',
    'crosstalkd allow --all',
  ),
  send: of(
    AWAITED,
    'crosstalkd send --to opus -m "Is the lease safe?" --wait',
    'crosstalkd send --to opus,gpt --subject Review -m "Read it." --file notes.md',
  ),
  continue: of(
    WRITE,
    'crosstalkd continue 01M8PJ0ECC12 --on server',
    'crosstalkd continue 01M8PJ0ECC12 --as opus -m "Finish the tests."',
  ),
  ask: of(
    WRITE,
    'crosstalkd ask --to ada -m "Which of the two branches?"',
    'crosstalkd ask --permission -m "git push origin main"',
  ),
  answer: of(
    WRITE,
    'crosstalkd answer 01M8PJ0ECC12 approve',
    'crosstalkd answer 01M8PJ0ECC12 -m "Only the branches that are merged."',
  ),
  wait: of(AWAITED, 'crosstalkd wait 01M8PJ0ECC12', 'crosstalkd wait 01M8PJ0ECC12 30s'),
  mcp: of(AWAY, 'crosstalkd mcp', 'crosstalkd mcp --allow-decisions'),
  status: of(
    { ...AWAY, 1: 'the branch was rewritten' },
    'crosstalkd status',
    'crosstalkd status --json',
  ),
  why: of(READ, 'crosstalkd why 01M8PJ0ECC12', 'crosstalkd why opus'),
  hosts: of({ ...AWAY, ...NOTHING }, 'crosstalkd hosts'),
  metrics: of(
    AWAY,
    'crosstalkd metrics',
    'crosstalkd metrics --out /var/lib/node_exporter/crosstalk.prom',
  ),
  web: of(AWAY, 'crosstalkd web', 'crosstalkd web --port 8080 --no-open'),
  channels: of({ ...AWAY, ...NOTHING }, 'crosstalkd channels'),
  log: of(
    { ...AWAY, ...NOTHING },
    'crosstalkd log general -n 50',
    'crosstalkd log --failed --since 2d',
  ),
  show: of(READ, 'crosstalkd show 01M8PJ0ECC12', 'crosstalkd show 01M8PJ0ECC12 --transcript'),
  thread: of(READ, 'crosstalkd thread 01M8PJ0ECC12'),
  search: of({ ...AWAY, ...NOTHING }, 'crosstalkd search lease --from opus --since 7d'),
  models: of({ ...AWAY, ...NOTHING }, 'crosstalkd models'),
  cancel: of(WRITE, 'crosstalkd cancel 01M8PJ0ECC12', 'crosstalkd cancel 01M8PJ0ECC12 --to gpt'),
  retry: of(WRITE, 'crosstalkd retry 01M8PJ0ECC12'),
  ack: of(WRITE, 'crosstalkd ack 01M8PJ0ECC12 -m "known outage"', 'crosstalkd ack --failed'),
  adopt: of(WRITE, 'crosstalkd adopt 01M8PJ0ECC12', 'crosstalkd adopt 01M8PJ0ECC12 --discard'),
  pause: of(ORDER, 'crosstalkd pause', 'crosstalkd pause --all'),
  resume: of(ORDER, 'crosstalkd resume', 'crosstalkd resume opus'),
  drain: of(ORDER, 'crosstalkd drain'),
  stop: of(ORDER, 'crosstalkd stop'),
  'workflow run': of(
    AWAITED,
    'crosstalkd workflow run review -i topic=leases',
    'crosstalkd workflow run plan.md --dry-run',
  ),
  'workflow check': of(
    { ...READ, 2: 'it has mistakes' },
    'crosstalkd workflow check data/workflows/review.md',
  ),
  'workflow plan': of(
    { ...READ, 2: 'it has mistakes' },
    'crosstalkd workflow plan review -i topic=leases',
  ),
  'workflow compile': of(AWAITED, 'crosstalkd workflow compile idea.md'),
  'workflow list': of(
    { ...AWAY, ...NOTHING },
    'crosstalkd workflow list',
    'crosstalkd workflow list --open',
  ),
  'workflow show': of(READ, 'crosstalkd workflow show review-1f2e'),
  'workflow why': of(READ, 'crosstalkd workflow why review-1f2e'),
  'workflow approve': of(
    WRITE,
    'crosstalkd workflow approve review-1f2e',
    'crosstalkd workflow approve review-1f2e where --choice blog',
  ),
  'workflow deny': of(WRITE, 'crosstalkd workflow deny review-1f2e ok -m "not before Monday"'),
  'workflow cancel': of(WRITE, 'crosstalkd workflow cancel review-1f2e -m "no longer needed"'),
  'workflow pause': of(WRITE, 'crosstalkd workflow pause review-1f2e'),
  'workflow resume': of(WRITE, 'crosstalkd workflow resume review-1f2e'),
  'workflow retry': of(
    AWAITED,
    'crosstalkd workflow retry review-1f2e',
    'crosstalkd workflow retry review-1f2e --step vote',
  ),
  'workflow rerun': of(AWAITED, 'crosstalkd workflow rerun review-1f2e --from vote'),
  'workflow fork': of(AWAITED, 'crosstalkd workflow fork review-1f2e --from vote'),
  'workflow signal': of(WRITE, 'crosstalkd workflow signal review-1f2e deployed'),
  'workflow budget': of(
    WRITE,
    'crosstalkd workflow budget review-1f2e',
    'crosstalkd workflow budget review-1f2e --usd 10',
  ),
  'workflow amend': of(WRITE, 'crosstalkd workflow amend review-1f2e plan.md'),
  'trust list': of({ ...AWAY, ...NOTHING }, 'crosstalkd trust list'),
  'trust on': of(HERE, 'crosstalkd trust on', 'crosstalkd trust on external gates hosts'),
  'trust off': of(HERE, 'crosstalkd trust off'),
  'trust add': of(
    { ...AWAY, ...GONE },
    'crosstalkd trust add ada ~/.ssh/ada.pub',
    'crosstalkd trust add laptop --host',
  ),
  'trust remove': of({ ...HERE, ...GONE }, 'crosstalkd trust remove ada'),
  'trust key': of(HERE, 'crosstalkd trust key'),
  'trust message': of(
    READ,
    'crosstalkd trust message 01M8PJ0ECC12',
    'crosstalkd trust message data/workflows',
  ),
  lint: of(
    { ...AWAY, 2: 'a file would be rejected, or there is none' },
    'crosstalkd lint draft.md',
    'crosstalkd lint',
  ),
  doctor: of({ ...AWAY, 1: 'something is wrong' }, 'crosstalkd doctor', 'crosstalkd doctor --fix'),
  verify: of({ ...AWAY, 1: 'a promise is broken' }, 'crosstalkd verify'),
  archive: of(
    { ...WRITE, 3: 'there is nothing to move' },
    'crosstalkd archive --older-than 90d --dry-run',
    'crosstalkd archive old-topic --undo',
  ),
  'accept-rewrite': of(
    { ...AWAY, 1: 'it was not confirmed', 3: 'nothing was rewritten' },
    'crosstalkd accept-rewrite',
  ),
  'service install': of(
    { ...AWAY, ...REFUSED },
    'crosstalkd service install',
    'crosstalkd service install --print',
  ),
  'service uninstall': of(
    { ...HERE, ...REFUSED, 3: 'it is not installed' },
    'crosstalkd service uninstall',
  ),
  'service status': of({ ...HERE, 3: 'it is not installed' }, 'crosstalkd service status'),
  'remote add': of({ ...AWAY, ...REFUSED }, 'crosstalkd remote add git@example.com:crew.git'),
  'upgrade-transport': of({ ...AWAY, ...REFUSED }, 'crosstalkd upgrade-transport --yes'),
  forget: of({ ...AWAY, ...REFUSED }, 'crosstalkd forget ~/team --yes'),
  completion: of(
    HERE,
    'crosstalkd completion bash > ~/.local/share/bash-completion/completions/crosstalkd',
  ),
  man: of(HERE, 'crosstalkd man | man -l -'),
};
