import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const AMBIENT = [
  {
    selector: "MemberExpression[object.name='Date'][property.name='now']",
    message: 'Take the time from the Clock door.',
  },
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: 'Take the time from the Clock door.',
  },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'Take randomness from the Random door.',
  },
  {
    selector: "MemberExpression[object.name='process'][property.name='env']",
    message: 'Read the environment in cli/ and pass it in.',
  },
  {
    selector: "CallExpression[callee.property.name='localeCompare']",
    message: 'Order by code unit (base/order.ts): the same on every host.',
  },
  { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
  { selector: 'ExportAllDeclaration', message: 'No barrels.' },
];

const OUR_PATHS =
  '/^(data\\u002f(channels|workflows|acks|schemas|models|budgets|dispatchers|personas)\\b|refs\\u002f(heads\\u002f)?crosstalk)/';
const SPELLED = ['Literal[value=', 'TemplateElement[value.raw='].map((node) => ({
  selector: `${node}${OUR_PATHS}]`,
  message: 'Paths and refs of the protocol are spelled in protocol/paths.ts and run-paths.ts.',
}));

/** Fields and variables that hold sentences for people. */
const FIELDS = '[property.name=/^(says|why|detail|found|expected|remedy|subject)$/]';
const VARIABLES = '[name=/^(says|why|detail|expected|remedy|subject)$/]';
const READ_BACK = {
  message: 'Our own words are no data: carry the reason (protocol/reason.ts) and match its kind.',
};
const OUR_WORDS = [FIELDS, VARIABLES]
  .flatMap((held) => [
    'CallExpression[callee.property.name=/^(includes|startsWith|endsWith|match|matchAll|search|indexOf|split)$/]' +
      ` > MemberExpression.callee > .object${held}`,
    `CallExpression[callee.property.name=/^(test|exec)$/] > .arguments${held}`,
  ])
  .map((selector) => ({ selector, ...READ_BACK }));

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'build/',
      'node_modules/',
      'src/web/static/',
      '*.config.js',
      '*.config.ts',
      '.dependency-cruiser.cjs',
      'coverage/',
    ],
  },
  js.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}', 'tests/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'no-restricted-syntax': ['error', ...AMBIENT, ...SPELLED, ...OUR_WORDS],
      'no-console': 'error',
      // Taking control codes out of others' text is daily work here.
      'no-control-regex': 'off',
      'max-params': ['error', 3],
      'max-len': [
        'error',
        {
          code: 100,
          ignoreStrings: true,
          ignoreTemplateLiterals: true,
          ignoreRegExpLiterals: true,
        },
      ],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 20],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    files: ['src/base/**/*.ts', 'src/cli/**/*.ts', 'src/web/**/*.{ts,tsx}'],
    rules: {
      'no-restricted-syntax': ['error', ...AMBIENT.slice(4), ...SPELLED, ...OUR_WORDS],
      'no-console': 'off',
    },
  },
  {
    files: ['src/protocol/paths.ts', 'src/protocol/run-paths.ts'],
    rules: { 'no-restricted-syntax': ['error', ...AMBIENT, ...OUR_WORDS] },
  },
  {
    // What runs in the browser cannot load them: they hash.
    files: ['src/web/page/**/*.{ts,tsx}'],
    rules: {
      'no-restricted-syntax': ['error', ...AMBIENT.slice(4), ...OUR_WORDS],
      // Their types are known here, because those of the server's answers are.
      'no-restricted-globals': ['error', 'process', 'Buffer', 'global', 'require', 'setImmediate'],
    },
  },
  {
    files: ['tests/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...AMBIENT.slice(5)],
      'max-lines': ['error', { max: 800, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.mjs', 'bin/*.js'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        Buffer: 'readonly',
        performance: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        fetch: 'readonly',
        AbortController: 'readonly',
      },
    },
  },
);
