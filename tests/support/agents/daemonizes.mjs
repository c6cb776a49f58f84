// Leaves a child in its own session behind, which no signal to the group reaches.
import { spawn } from 'node:child_process';
const script = new URL('forever.mjs', import.meta.url).pathname;
spawn(process.execPath, [script], { detached: true, stdio: 'ignore' }).unref();
process.stdout.write('left a daemon behind\n', () => process.exit(0));
