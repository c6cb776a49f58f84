// Answers with the start of a picture.
process.stdout.write(
  Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex'),
);
