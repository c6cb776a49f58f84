// Leaves its own child group behind that holds the pipes, and ends.
import { spawn } from 'node:child_process';
spawn(process.execPath, [new URL('forever.mjs', import.meta.url).pathname], {
  stdio: ['ignore', 'inherit', 'inherit'],
}).unref();
process.stdout.write('left a child behind\n', () => process.exit(0));
