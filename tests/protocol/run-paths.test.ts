import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { channelRoot, parseGatePath, parseTaskPath, runOfMark } from '../../src/protocol/paths.ts';
import {
  askPath,
  candidateKey,
  completePath,
  decisionPath,
  folderOfStep,
  folderWithoutTurns,
  formatTurn,
  gateFolder,
  gateOfAsk,
  groupsAround,
  headerPath,
  isBelowTasks,
  isGateDecision,
  isReservedKey,
  isTurn,
  looksLikeTurn,
  parseTurn,
  planFolder,
  stepOfTask,
  taskNumber,
  taskPath,
  turnOfTask,
} from '../../src/protocol/run-paths.ts';

const count = fc.integer({ min: 1, max: 40 });
const turn = fc.record({ round: count, pass: count });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/).filter((text) => text !== 'steps');
const key = name.filter((text) => !isReservedKey(text));

describe('names of a run', () => {
  it('gives back the turn and the key that a folder was named after', () => {
    fc.assert(
      fc.property(turn, key, (at, item) => {
        expect(parseTurn(`${formatTurn(at)}${item}`)).toEqual({ ...at, key: item });
        expect(isTurn(formatTurn(at))).toBe(true);
      }),
    );
  });

  it('never takes the key of an item for a turn or for a folder of the run', () => {
    for (const taken of ['join', 'one', 'gates', 'c1', 'r2-x', 'n3-', candidateKey('', 12)])
      expect(isReservedKey(taken), taken).toBe(true);
    for (const free of ['joint', 'c', 'cat', 'r2', 'n-1', 'round-2', 'login'])
      expect(isReservedKey(free), free).toBe(false);
    fc.assert(fc.property(turn, key, (at, item) => !looksLikeTurn(item) || isTurn(formatTurn(at))));
  });

  it('finds the task of a step at any depth, in any turn', () => {
    const groups = fc.array(fc.tuple(name, turn, key), { maxLength: 3 });
    fc.assert(
      fc.property(fc.tuple(groups, name, turn, key, count), ([around, step, at, item, n]) => {
        const parent = around.reduce(
          (folder, [id, each, inner]) => `${folderOfStep(folder, id)}${formatTurn(each)}${inner}/`,
          '',
        );
        const path = taskPath(`${folderOfStep(parent, step)}${formatTurn(at)}${item}/`, n);
        expect(taskNumber(path)).toBe(n);
        expect(turnOfTask(path)).toMatchObject(at);
        expect(stepOfTask(path)).toBe(path.slice('steps/'.length, path.lastIndexOf('/')));
        expect(isBelowTasks(path)).toBe(true);
        const full = `${channelRoot('a-run')}${path}`;
        expect(parseTaskPath(full)).toEqual({ run: 'a-run', step: stepOfTask(path) });
        expect(groupsAround(full).map((folder) => parseTurn(folder).key)).toEqual(
          around.map(([, , inner]) => inner),
        );
        const first = taskPath(`${folderOfStep(parent, step)}${item}/`, 1);
        expect(folderWithoutTurns(full)).toBe(
          folderWithoutTurns(`${channelRoot('a-run')}${first}`),
        );
      }),
    );
  });

  it('finds the gate of a question in any round', () => {
    fc.assert(
      fc.property(name, count, (gate, round) => {
        const folder = gateFolder('', gate, round);
        expect(gateOfAsk(askPath(folder))).toBe(gate);
        expect(isGateDecision(decisionPath(folder))).toBe(true);
        const path = askPath(gateFolder(channelRoot('a-run'), gate, round));
        expect(parseGatePath(path)).toMatchObject({ run: 'a-run', gate });
      }),
    );
  });

  it.each([
    ['a question below another folder', 'data/channels/x/notes/gates/ok/ask.md'],
    ['a question of a gate in a gate', 'data/channels/x/gates/a/b/ask.md'],
    ['a reply to a question', 'data/channels/x/gates/ok/ask.re.ann.md'],
    ['a file of no channel', 'data/other/gates/ok/ask.md'],
  ])('sees no gate in %s', (_, path) => expect(parseGatePath(path)).toBeNull());

  it.each([
    ['a reply to a task', 'data/channels/x/steps/a/one/task.re.opus.md'],
    ['the task that writes the plan', taskPath(planFolder(channelRoot('x')), 1)],
    ['a task outside of steps', 'data/channels/x/a/task.md'],
    ['a task below another folder', 'data/channels/x/notes/steps/a/one/task.md'],
  ])('sees no task of a step in %s', (_, path) => expect(parseTaskPath(path)).toBeNull());

  it('knows a run by its first and its last file', () => {
    expect(runOfMark(headerPath(channelRoot('a-run')))).toBe('a-run');
    expect(runOfMark(completePath(channelRoot('a-run')))).toBe('a-run');
    expect(runOfMark(headerPath('data/channels/a-run/steps/'))).toBeNull();
  });
});
