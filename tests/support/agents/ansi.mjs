// Colours, a title, a link, a bidirectional override, a NUL and a Windows line end around plain
// words.
const ESC = '\u001b';
process.stdout.write(
  `${ESC}]0;title\u0007${ESC}[1;31mred${ESC}[0m and ${ESC}]8;;https://example.org${ESC}\\linked${ESC}]8;;${ESC}\\\r\n`,
);
process.stdout.write('left\u202eright\u202c\u0000 end\u0008\n');
