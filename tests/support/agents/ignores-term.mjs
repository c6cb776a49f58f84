// Does not end on TERM.
process.on('SIGTERM', () => process.stdout.write('no\n'));
setInterval(() => undefined, 1_000);
process.stdout.write('ready\n');
