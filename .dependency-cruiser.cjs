// The layers of src/README.md, in words: base ← protocol ← workflow; transport, agents and local
// never see each other; dispatcher sees their doors.
const layer = (name, from, forbidden) => ({
  name,
  severity: 'error',
  from: { path: `^src/${from}/` },
  to: { path: forbidden },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    layer('base-knows-nothing', 'base', '^src/(?!base/)'),
    layer('protocol-knows-base-only', 'protocol', '^src/(?!base/|protocol/)'),
    layer('workflow-knows-protocol', 'workflow', '^src/(?!base/|protocol/|workflow/)'),
    layer('transport-knows-protocol', 'transport', '^src/(?!base/|protocol/|transport/)'),
    layer('agents-know-protocol', 'agents', '^src/(?!base/|protocol/|agents/)'),
    layer('local-knows-protocol', 'local', '^src/(?!base/|protocol/|local/)'),
    layer('dispatcher-is-not-cli', 'dispatcher', '^src/(cli|web)/'),
    {
      name: 'dispatcher-acts-through-doors',
      comment: 'Of agents and local only the doors; real parts are wired in cli/begin/compose.ts.',
      severity: 'error',
      from: { path: '^src/dispatcher/' },
      to: {
        path: '^src/(agents|local)/',
        pathNot: '^src/(agents/agent|local/local-state|local/worktree)\\.ts$',
      },
    },
    {
      name: 'pure-stays-pure',
      comment:
        'protocol and workflow return values: no files, processes or network. node:module loads a parser late; node:buffer and node:zlib check and pack bytes.',
      severity: 'error',
      from: { path: '^src/(protocol|workflow)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(buffer|crypto|module|zlib)$' },
    },
    {
      name: 'no-circles',
      comment: 'A command that is loaded when it is called may read the table that names it.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['dynamic-import'] } },
    },
    {
      name: 'web-is-a-command',
      comment: 'Only the table of commands leads to the page.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(web/|cli/commands)' },
      to: { path: '^src/web/' },
    },
    {
      name: 'page-is-for-browsers',
      comment:
        "What runs in the browser knows nothing of this machine, but the types of what it is told, how a command is printed, and the names of a run's files.",
      severity: 'error',
      from: { path: '^src/web/page/' },
      to: {
        path: '^(src/|node:)|^node_modules/(?!preact|markdown-it|@dagrejs/dagre)',
        pathNot:
          '^src/(web/(page/|told[.]ts$)|base/(fix|plain-text|shell-word)[.]ts$|protocol/run-paths[.]ts$)',
      },
    },
    {
      name: 'server-is-not-page',
      severity: 'error',
      from: { path: '^src/web/[^/]+$' },
      to: { path: '^src/web/page/' },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '\\.d\\.ts$' },
      to: {},
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
  },
};
