// Answers with its input.
process.stdin.pipe(process.stdout);
