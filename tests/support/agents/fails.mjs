// Ends with the status given, after saying why on stderr.
process.stderr.write(
  'starting up\nwarning: nothing to see\nhttps://user:hunter2hunter2@example.org/repo refused\n',
);
process.exitCode = Number(process.argv[2] ?? 3);
process.stdin.resume();
