// Makes a fresh checkout usable: dependencies as locked, and the build. Does nothing that is done
// already, so every other script may call it.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [major] = process.versions.node.split('.').map(Number);
if (major < 20)
  fail(`Node ${process.versions.node} is too old: crosstalkd needs Node 20 or newer.`);
if (spawnSync('git', ['--version']).status !== 0)
  fail('git is not installed: crosstalkd is git all the way down.');

const lock = join(root, 'package-lock.json');
const installed = join(root, 'node_modules', '.package-lock.json');
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
  run(
    'npm',
    ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'],
    'installing dependencies',
  );
}
if (newest(join(root, 'src')) > newest(join(root, 'dist')))
  run(process.execPath, [join(root, 'scripts', 'build.mjs')], 'building');

function newest(directory) {
  if (!existsSync(directory)) return 0;
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Math.max(0, ...files.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}

function run(command, args, what) {
  console.error(`crosstalkd: ${what} …`);
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) fail(`${what} failed: ${command} ${args.join(' ')}`);
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
