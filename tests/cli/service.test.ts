import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  formatService,
  ownerOf,
  placeService,
  type ServiceFacts,
  wordsOf,
} from '../../src/local/service-unit.ts';
import { missingPrograms } from '../../src/cli/care/service-manager.ts';
import { type Cli, startCli } from '../support/cli.ts';

const ODD: ServiceFacts = {
  manager: 'systemd',
  id: '0123456789abcdef',
  url: 'git@example.org:team/100% "mail" & <more>.git',
  argv: [
    '/usr/bin/env',
    '/opt/a b/cross"talk$HOME%n\\d.js',
    'run',
    'ssh://git@example.org/team',
    '--state',
    "/home/ada/it's",
  ],
  env: { PATH: '/opt/50% off/bin:/usr/bin:/bin', NOTE: 'say "hi" to C:\\ada' },
  envFile: '/home/ada/my config/service.env',
  home: '/tmp',
  graceMs: 10_000,
};

const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

describe('the files of a service', () => {
  it.skipIf(!has('systemd-analyze'))(
    'systemd takes the unit without a complaint, whatever stands in paths and addresses',
    () => {
      const place = execFileSync('mktemp', ['-d']).toString().trim();
      const places = placeService(ODD, place);
      mkdirSync(join(place, 'systemd', 'user'), { recursive: true });
      writeFileSync(places.file, formatService(ODD, places));
      const checked = spawnSync('systemd-analyze', ['--user', 'verify', '--man=no', places.file], {
        env: { PATH: process.env['PATH'] ?? '', HOME: place, XDG_RUNTIME_DIR: place },
      });
      execFileSync('rm', ['-r', place]);
      expect(
        checked.stderr
          .toString()
          .split('\n')
          .filter((line) => line.includes(places.name)),
      ).toEqual([]);
      expect(checked.status).toBe(0);
    },
  );

  it('the unit says each argument, variable and special character as systemd reads it', () => {
    const text = formatService(ODD, placeService(ODD, null));
    expect(text).toContain('"/opt/a b/cross\\"talk$$HOME%%n\\\\d.js" "run"');
    expect(text).toContain('Environment="PATH=/opt/50%% off/bin:/usr/bin:/bin"');
    expect(text).toContain('Environment="NOTE=say \\"hi\\" to C:\\\\ada"');
    expect(text).toContain('EnvironmentFile=-/home/ada/my config/service.env\n');
    expect(text).toContain('RestartPreventExitStatus=2 5\n');
    expect(text).toContain('TimeoutStopSec=30\n');
  });

  it.skipIf(!has('python3'))(
    'a reader of property lists finds in the agent what was put in',
    () => {
      const facts: ServiceFacts = { ...ODD, manager: 'launchd' };
      const places = placeService(facts, null);
      const text = formatService(facts, places);
      const script =
        'import json,plistlib,sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))';
      const read = JSON.parse(
        execFileSync('python3', ['-c', script], { input: text }).toString(),
      ) as Record<string, unknown>;
      expect(read).toMatchObject({
        Label: places.name,
        ProgramArguments: facts.argv,
        EnvironmentVariables: facts.env,
        RunAtLoad: true,
        KeepAlive: { SuccessfulExit: false },
        ExitTimeOut: 30,
        StandardErrorPath: places.outputFile,
      });
      expect(places.file).toBe(`/tmp/Library/LaunchAgents/${places.name}.plist`);
      expect(places.outputFile).toBe(`/tmp/Library/Logs/crosstalkd/${places.name}.log`);
    },
  );

  it.each(['systemd', 'launchd'] as const)(
    'of %s says which of the programs that it starts are gone',
    (manager) => {
      const argv = [process.execPath, '/opt/a b/gone$1.js', 'run', 'x&<y>', '--state', '/s "q"'];
      const facts: ServiceFacts = { ...ODD, manager, argv };
      const text = formatService(facts, placeService(facts, null));
      expect(wordsOf(text)).toEqual(argv);
      expect(missingPrograms(text)).toEqual(['/opt/a b/gone$1.js']);
      expect(wordsOf('nothing of ours')).toEqual([]);
    },
  );

  it.each(['systemd', 'launchd'] as const)(
    'one of ours for %s is told from an edited one and from a stranger',
    (manager) => {
      const facts: ServiceFacts = { ...ODD, manager };
      const text = formatService(facts, placeService(facts, null));
      expect(ownerOf(text)).toBe('ours');
      expect(ownerOf(text.replace('run', 'walk'))).toBe('edited');
      expect(
        ownerOf(
          text
            .split('\n')
            .filter((line) => !line.includes('sha256'))
            .join('\n'),
        ),
      ).toBe('foreign');
    },
  );
});

describe('crosstalkd service', () => {
  let cli: Cli;
  beforeEach(async () => (cli = await startCli()));
  afterEach(() => cli.close());

  /** The platform's program, which writes down what it is asked. */
  function plantTool(name: string): {
    readonly env: Record<string, string>;
    readonly asked: () => string[];
  } {
    const folder = join(cli.place, 'tools');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, name),
      `#!/bin/sh\necho "$@" >> "${folder}/asked"\ncase "$*" in *is-active*) echo active;; *print*) echo "	state = running";; esac\n`,
    );
    chmodSync(join(folder, name), 0o755);
    return {
      env: { PATH: `${folder}:${cli.env['PATH'] ?? ''}` },
      asked: () => readFileSync(join(folder, 'asked'), 'utf8').trimEnd().split('\n'),
    };
  }
  const units = (): string => join(cli.place, 'home', '.config', 'systemd', 'user');

  it('install writes the unit and starts it, status finds it, uninstall leaves nothing behind', async () => {
    const { env, asked } = plantTool('systemctl');
    const installed = await cli.run(['service', 'install', '--manager', 'systemd'], { env });
    expect(installed).toMatchObject({ code: 0, stderr: '' });
    const [unit = ''] = readdirSync(units());
    expect(unit).toMatch(/^crosstalkd-team-[0-9a-f]{8}\.service$/);
    expect(asked()).toEqual([
      '--user daemon-reload',
      `--user enable ${unit}`,
      `--user restart ${unit}`,
    ]);
    const text = readFileSync(join(units(), unit), 'utf8');
    expect(text).toContain(`"run" "${cli.remote}" "--state" "${cli.place}/state"`);
    expect(text).toContain(`Environment="CROSSTALK_CONFIG_DIR=${cli.place}/config"`);
    const status = await cli.json(['service', 'status', '--manager', 'systemd'], { env });
    expect(status).toMatchObject({
      code: 0,
      data: { installed: true, owner: 'ours', state: 'active', answers: false },
    });
    expect(
      (await cli.run(['service', 'install', '--manager', 'systemd'], { env })).stdout,
    ).toContain('unchanged');
    expect((await cli.run(['service', 'uninstall', '--manager', 'systemd'], { env })).code).toBe(0);
    expect(asked()).toContain(`--user disable --now ${unit}`);
    expect(readdirSync(units())).toEqual([]);
    expect(existsSync(join(cli.place, 'config', 'service.env'))).toBe(false);
    expect((await cli.run(['service', 'status', '--manager', 'systemd'], { env })).code).toBe(3);
  });

  it('the installed command runs as the service would: the bare PATH of the unit, no clone, no home variables of a shell', async () => {
    await cli.run(['service', 'install', '--manager', 'systemd', '--no-start']);
    const [unit = ''] = readdirSync(units());
    const text = readFileSync(join(units(), unit), 'utf8');
    const words = [...(/^ExecStart=(.*)$/m.exec(text)?.[1] ?? '').matchAll(/"([^"]*)"/g)].map(
      ([, word]) => word ?? '',
    );
    const environment = Object.fromEntries(
      [...text.matchAll(/^Environment="([^=]+)=(.*)"$/gm)].map(([, name, value]) => [
        name ?? '',
        value ?? '',
      ]),
    );
    cli.say({ 'data/channels/general/hello.md': '---\nto: echo\n---\nhello\n' });
    const [node = '', ...args] = words;
    const ended = spawnSync(node, [...args, '--once'], {
      cwd: '/',
      env: { ...environment, HOME: join(cli.place, 'home') },
    });
    expect(ended.stderr.toString()).toBe('');
    expect(ended.status).toBe(0);
    expect(cli.git(['ls-tree', '-r', '--name-only', 'main'], cli.remote)).toContain(
      'data/channels/general/hello.re.echo.md',
    );
  });

  it('a launch agent has its log where the platform keeps logs, and is booted out again', async () => {
    const { env, asked } = plantTool('launchctl');
    expect((await cli.run(['service', 'install', '--manager', 'launchd'], { env })).code).toBe(0);
    const logs = join(cli.place, 'home', 'Library', 'Logs', 'crosstalkd');
    expect(readdirSync(logs)).toEqual([expect.stringMatching(/\.events\.log$/)]);
    expect(asked()[0]).toMatch(
      /^bootstrap gui\/\d+ .*\/Library\/LaunchAgents\/crosstalkd-team-[0-9a-f]{8}\.plist$/,
    );
    expect(
      (await cli.run(['service', 'status', '--manager', 'launchd'], { env })).stdout,
    ).toContain(': running');
    expect((await cli.run(['service', 'uninstall', '--manager', 'launchd'], { env })).code).toBe(0);
    expect(asked().at(-1)).toMatch(/^bootout gui\/\d+\/crosstalkd-team-/);
    expect(readdirSync(logs)).toEqual([]);
  });

  it('a unit of somebody else is never touched, one of ours that was edited only by force', async () => {
    await cli.run(['service', 'install', '--manager', 'systemd', '--no-start']);
    const [unit = ''] = readdirSync(units());
    const path = join(units(), unit);
    const ours = readFileSync(path, 'utf8');
    for (const [text, code] of [
      ['[Service]\nExecStart=/bin/true\n', 2],
      [ours.replace('RestartSec=10', 'RestartSec=1'), 0],
    ] as const) {
      writeFileSync(path, text);
      for (const verb of ['install', 'uninstall']) {
        const refused = await cli.run([
          'service',
          verb,
          '--manager',
          'systemd',
          ...(verb === 'install' ? ['--no-start'] : []),
        ]);
        expect(refused).toMatchObject({
          code: 2,
          stderr: expect.stringContaining('ALREADY_EXISTS') as string,
        });
        expect(readFileSync(path, 'utf8')).toBe(text);
      }
      expect(
        (await cli.run(['service', 'install', '--manager', 'systemd', '--no-start', '--force']))
          .code,
      ).toBe(code);
    }
    expect(readFileSync(path, 'utf8')).toBe(ours);
  });

  it('a manager that cannot start it is named with what it said, and the unit stays', async () => {
    const folder = join(cli.place, 'tools');
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'systemctl'),
      '#!/bin/sh\necho "Failed to connect to bus: No medium found" >&2\nexit 1\n',
      { mode: 0o755 },
    );
    const ended = await cli.run(['service', 'install', '--manager', 'systemd'], {
      env: { PATH: `${folder}:${cli.env['PATH'] ?? ''}` },
    });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('Failed to connect to bus');
    expect(readdirSync(units())).toHaveLength(1);
  });
});
