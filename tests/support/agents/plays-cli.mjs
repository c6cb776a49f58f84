// Plays a real agent program: writes what its argument (JSON) says: {out, err, code}. With
// "unless": only when no argument is that word; otherwise "then".
const [script, ...rest] = process.argv.slice(2);
const parts = JSON.parse(script);
const part = parts.unless !== undefined && rest.includes(parts.unless) ? parts.then : parts;
process.stderr.write(part.err ?? '');
process.stdout.write(part.out ?? '');
process.exitCode = part.code ?? 0;
process.stdin.resume();
