// Writes one word every 60 ms, ten times: never idle for long, and slow.
let words = 0;
const timer = setInterval(() => {
  words += 1;
  process.stdout.write(`word ${words}\n`);
  if (words === 10) clearInterval(timer);
}, 60);
