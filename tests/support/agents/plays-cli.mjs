// Plays a real agent program: writes what its argument (JSON) says: {out, err, code, big, hang}.
// With "unless": only when no argument is that word; otherwise "then". "big": a line of so many
// bytes first, in the place of "BIG" in "of". "hang": does not end.
const [script, ...rest] = process.argv.slice(2);
const parts = JSON.parse(script);
const part = parts.unless !== undefined && rest.includes(parts.unless) ? parts.then : parts;
process.stderr.write(part.err ?? '');
if (part.big !== undefined)
  process.stdout.write(`${part.of.replace('BIG', 'x'.repeat(part.big))}\n`);
process.stdout.write(part.out ?? '');
process.exitCode = part.code ?? 0;
process.stdin.resume();
if (part.hang === true) setInterval(() => undefined, 60_000);
