// One real dispatcher in this process: everything as `crosstalkd run` wires it, but its agent
// answers at once.
import { mkdirSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { composeDispatcher } from '../../build/cli/begin/compose.js';
import { openSession } from '../../build/cli/session/transport-session.js';
import { createLog } from '../../build/base/log.js';
import { createMirror } from '../../build/transport/mirror.js';
import { MODELS_TEXT } from './repository.mjs';
import { writeFileSync } from 'node:fs';

const IO = {
  print() {},
  warn() {},
  write() {},
  isTerminal: false,
  columns: 80,
  redraws: false,
  colors: false,
  readStdin: async () => '',
};

/**
 * Where a host keeps its things, and the environment that says so. Its own models.yaml needs no
 * approval.
 */
export function makeHome(place, alias) {
  const home = join(place, alias);
  const config = join(home, 'config');
  mkdirSync(config, { recursive: true, mode: 0o700 });
  if (!existsSync(join(config, 'models.yaml')))
    writeFileSync(join(config, 'models.yaml'), MODELS_TEXT, { mode: 0o600 });
  return {
    state: join(home, 'state'),
    env: { ...process.env, HOME: home, CROSSTALK_CONFIG_DIR: config, CROSSTALK_ALLOW_HTTP: 'true' },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

/**
 * `onEvent` gets every line of its log, `door` may put something around the repository. `settings`
 * are environment variables of the product. Leases are long: these hosts are measured, not killed.
 */
export async function openHost({
  place,
  alias,
  url,
  settings = {},
  onEvent = () => undefined,
  door = (repository) => repository,
}) {
  const home = makeHome(place, alias);
  const env = { ...home.env, CROSSTALK_ALIAS: alias, CROSSTALK_LEASE: '1h', ...settings };
  const invocation = {
    args: [],
    options: new Map([['state', [home.state]]]),
    io: IO,
    env,
    cwd: place,
  };
  const opened = await openSession(invocation, { where: url, unread: true });
  const repository = door(opened.repository);
  const mirror = createMirror(repository, opened.mirror.index());
  const session = {
    ...opened,
    repository,
    mirror,
    publisher: { ...opened.publisher, repository, mirror },
  };
  const composed = await composeDispatcher(session, {
    invocation,
    log: createLog(onEvent),
    onOutput: () => undefined,
  });
  const { dispatcher } = composed;
  return {
    session,
    dispatcher: { ...dispatcher, doors: { ...dispatcher.doors, agents: INSTANT } },
    close: async () => {
      await composed.close();
      await opened.close();
    },
  };
}

/**
 * An agent that answers at once, with everything around it that a real one has: its process is
 * journalled before it gets its prompt.
 */
const INSTANT = {
  run: async (request) => {
    await request.onStarted({ pgid: process.pid, startTicks: null });
    return {
      kind: 'answered',
      text: 'An answer.\n',
      session: null,
      usage: { tokensIn: null, tokensOut: null, costUsd: null },
      agent: 'instant',
      durationMs: 0,
    };
  },
};
