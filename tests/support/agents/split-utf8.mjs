// Writes "grüße 🦊" one byte at a time.
const bytes = [...Buffer.from('grüße 🦊\n')];
const next = () => {
  const byte = bytes.shift();
  if (byte !== undefined) process.stdout.write(Buffer.from([byte]), () => setTimeout(next, 1));
};
next();
