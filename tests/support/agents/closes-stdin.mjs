// Answers without having read its input.
import { closeSync } from 'node:fs';
closeSync(0);
process.stdout.write('I never listen\n');
