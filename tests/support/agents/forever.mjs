// Says that it is there and then works for ever, with a line every 20 ms so that it is not idle.
process.stdout.write('working\n');
setInterval(() => process.stdout.write('still working\n'), 20);
