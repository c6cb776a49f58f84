import { expect, it } from 'vitest';
import { lineOfKey } from '../../src/protocol/yaml.ts';

const TEXT = `models:
  opus: { adapter: claude,
    model: x }
  "a b":
    command: [say, 5]
    fallback:
      - gpt
      - gemini
  block: |
    models:
      hidden: 1
  late: 1
`;

it.each([
  [['models'], 1],
  [['models', 'opus'], 2],
  [['models', 'opus', 'adapter'], 2],
  [['models', 'opus', 'model'], 3],
  [['models', 'a b'], 4],
  [['models', 'a b', 'command', '1'], 5],
  [['models', 'a b', 'fallback', '1'], 8],
  [['models', 'late'], 12],
  [['models', 'hidden'], 1],
  [['models', 'opus', 'nothing'], 2],
  [['constructor'], 1],
])('the key %j is on line %i', (path, line) => {
  expect(lineOfKey(TEXT, path)).toBe(line);
});

it('in text that is not YAML every key is on line 1', () => {
  expect(lineOfKey('a: [', ['a'])).toBe(1);
});
