// Answers with its environment and directory as JSON.
process.stdout.write(
  JSON.stringify({ env: process.env, cwd: process.cwd(), args: process.argv.slice(2) }),
);
