// Answers with the number of bytes and of markers that came in.
let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (piece) => (text += piece));
process.stdin.on('end', () =>
  process.stdout.write(
    `${Buffer.byteLength(text)} bytes, ${text.split('[[marker]]').length - 1} markers\n`,
  ),
);
