// Writes without end. With an argument: without line ends.
const block = (process.argv[2] === 'one-line' ? 'x' : 'flood\n').repeat(16_384);
const write = () => process.stdout.write(block, write);
process.stdout.on('error', () => process.exit(0));
write();
