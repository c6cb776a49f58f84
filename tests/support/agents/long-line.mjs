// Writes a line of 200 kB, then a short one.
process.stdout.write(`${'x'.repeat(200_000)}\nafter\n`);
