/** A workflow run in the middle of its work, of which one file is not what it should be. */
import { describeRun } from '../../src/workflow/view/describe.ts';
import { nextTransition } from '../../src/workflow/run/engine.ts';
import { drive, inputOf, post, type World, world } from '../workflow/drive.ts';
import { MARKER } from './corpus.ts';

/** Driven until people are waited for, answered, and driven on: files of every kind are there. */
function drivenRun(): World {
  const at = world(MARKER, ({ step }) => {
    if (step === 'plan') return '{"items":[{"id":"a"},{"id":"b"}]}';
    if (step === 'test') return '{"green":true}';
    return step === 'clean' ? null : `${step} done`;
  });
  drive(at);
  post(at, `re: data/channels/${at.run}/gates/gate/ask.md`, 'yes');
  post(at, 'op: pause');
  post(at, 'op: resume');
  drive(at);
  return at;
}

const driven = drivenRun();
const own = [...driven.files].filter(([path]) => path !== driven.marker);
if (own.length < 10) throw new Error('the run of the corpus does not begin: see its answer');

/** The text of every file of the run. */
export const RUN_FILES: readonly Buffer[] = own.map(([, text]) => Buffer.from(text));
/** RUN.json. */
export const HEADERS: readonly Buffer[] = own
  .filter(([path]) => path.endsWith('/RUN.json'))
  .map(([, text]) => Buffer.from(text));

/** Folds the run with other bytes in one of its files, as a dispatcher and a reader would. */
export function foldWith(bytes: Buffer, origin: number): void {
  const path = own[origin]?.[0] ?? '';
  const files = new Map(driven.files).set(path, bytes.toString('utf8'));
  const input = { ...inputOf({ ...driven, files }), nowMs: driven.nowMs };
  nextTransition(input);
  describeRun(input);
}
