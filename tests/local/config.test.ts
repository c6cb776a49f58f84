import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULTS, type Config } from '../../src/local/config.ts';
import { locateConfigDirectory, makeConfigDirectory } from '../../src/local/config-directory.ts';
import { SETTINGS } from '../../src/local/config-settings.ts';
import { decodeConfig, formatOrigin, type ConfigSources } from '../../src/local/decode-config.ts';
import { readConfig } from '../../src/local/read-config.ts';
import { tempDirectory } from './run-child.ts';
import { fixIs } from '../support/fix.ts';

type Given = Partial<Omit<ConfigSources, 'file'>> & { readonly yaml?: string };

function decode(given: Given) {
  const file = given.yaml === undefined ? null : { path: '/c/config.yaml', text: given.yaml };
  return decodeConfig({
    env: given.env ?? {},
    flags: given.flags ?? {},
    hostname: given.hostname ?? 'MacBook-Pro.local',
    file,
  });
}

function config(given: Given): Config {
  const decoded = decode(given);
  if (decoded.kind === 'refused') throw new Error(decoded.problems.join('\n'));
  return decoded.config;
}

function problems(given: Given): readonly string[] {
  const decoded = decode(given);
  return decoded.kind === 'refused' ? decoded.problems : [];
}

describe('settings', () => {
  it('are the defaults when nothing is written, with the host name as alias', () => {
    expect(config({})).toEqual({ ...DEFAULTS, alias: 'macbook-pro' });
    expect(config({ hostname: '日本' }).alias).toBe('host');
    expect(config({ hostname: 'all.example.org' }).alias).toBe('host');
  });

  it('come from the flag before the environment before the file before the default, and know it', () => {
    const yaml = '# mine\nconcurrency: 2\nhops-max: 3\nmax-age: 3d\n';
    const env = { CROSSTALK_CONCURRENCY: '5', CROSSTALK_HOPS_MAX: '6' };
    const decoded = decode({ yaml, env, flags: { concurrency: '9' } });
    expect(decoded).toMatchObject({
      kind: 'config',
      config: { concurrency: 9, hopsMax: 6, maxAgeMs: 3 * 86_400_000 },
    });
    if (decoded.kind === 'refused') return;
    const { origins } = decoded;
    expect(
      [origins.concurrency, origins.hopsMax, origins.maxAgeMs, origins.leaseMs].map(formatOrigin),
    ).toEqual(['--concurrency', 'CROSSTALK_HOPS_MAX', '/c/config.yaml:4', 'default']);
    expect(Object.keys(origins).sort()).toEqual(Object.keys(DEFAULTS).sort());
  });

  it('keep texts as they were written', () => {
    expect(config({ yaml: 'alias: 007\n' }).alias).toBe('007');
    expect(config({ flags: { alias: '1e3' } }).alias).toBe('1e3');
    expect(config({ env: { CROSSTALK_ALIAS: '' } }).alias).toBe('macbook-pro');
  });

  it('take durations, switches, lists and mappings', () => {
    const yaml = [
      'allow-http: true',
      'only: [opus, "codex"]',
      'projects:\n  app: ~/projects/app\n  site: /srv/site',
    ].join('\n');
    expect(
      config({ yaml, env: { CROSSTALK_LEASE: '3m', CROSSTALK_NETWORK_TIMEOUT: '5' } }),
    ).toMatchObject({
      allowHttp: true,
      only: ['opus', 'codex'],
      projects: { named: { app: '~/projects/app', site: '/srv/site' }, listed: [] },
      leaseMs: 180_000,
      networkTimeoutMs: 5_000,
    });
    expect(config({ yaml: 'projects: [~/app, { site: /srv/site }]' }).projects).toEqual({
      named: { site: '/srv/site' },
      listed: ['~/app'],
    });
    expect(config({ flags: { only: 'opus, codex,opus' } }).only).toEqual(['opus', 'codex']);
  });

  it('that follow another one follow it, and say so', () => {
    const short = decode({ env: { CROSSTALK_LEASE: '2s' }, flags: { intervalMaxMs: '0.2' } });
    expect(short).toMatchObject({
      config: {
        leaseMs: 2_000,
        beatMs: 500,
        leaseMarginMs: 333,
        intervalMinMs: 200,
        intervalMaxMs: 200,
      },
    });
    expect(short.kind === 'config' ? formatOrigin(short.origins.beatMs) : '').toBe(
      'default, follows "lease"',
    );
    expect(config({ flags: { intervalMaxMs: '10' } }).intervalMinMs).toBe(500);
  });
});

describe('settings that are wrong', () => {
  it('an unknown key names its line and what was probably meant', () => {
    expect(problems({ yaml: 'alias: mbp\nconcurency: 3\n' })).toEqual([
      '/c/config.yaml:2: unknown key "concurency"; did you mean "concurrency"?',
    ]);
    expect(problems({ yaml: 'colour: red\n' })[0]).toMatch(
      /^\/c\/config\.yaml:1: unknown key "colour"; expected one of alias, /,
    );
  });

  it.each([
    [
      'concurrency: many',
      '/c/config.yaml:1: "concurrency": found text "many", expected a whole number from 1 to 1000',
    ],
    ['concurrency: [1]', '/c/config.yaml:1: "concurrency": found a list, expected a whole number'],
    [
      'notify: [{ desktopp: true }]',
      '"notify": found [{"desktopp":"true"}], expected a list, each',
    ],
    ['concurrency: 0', 'found text "0"'],
    ['lease: -5', 'found text "-5", expected a duration such as 500ms'],
    ['lease: 30d', 'at most 24d'],
    ['allow-http: yes', 'found text "yes", expected true or false'],
    ['only:', 'expected names of models'],
    ['projects: {App: /x}', 'expected a mapping of names to directories'],
    ['projects: {app: relative}', 'expected a mapping of names to directories'],
    ['a: 1\na: 2', '/c/config.yaml:2'],
    ['- alias', 'found a list'],
    ['alias: [', '/c/config.yaml:'],
  ])('%s is refused with file, line, what was found and expected', (yaml, says) => {
    expect(problems({ yaml }).join('\n')).toContain(says);
  });

  it.each([
    'a/b',
    '..',
    'a@b',
    'a b',
    'x'.repeat(300),
    '-x',
    'workflow',
    'all',
    '',
    'UPPER',
    'a.lock',
  ])('the alias %j is refused with the rule', (alias) => {
    expect(problems({ flags: { alias } })[0]).toMatch(
      /^--alias: found .*, expected a host name of lower-case letters/,
    );
  });

  it('are all listed, not only the first', () => {
    expect(
      problems({
        yaml: 'x: 1\nlease: no\n',
        env: { CROSSTALK_BEAT: 'x' },
        flags: { concurrency: '-1' },
      }),
    ).toHaveLength(4);
  });

  it('a beat that is too slow for the lease, or a margin that eats it, is refused with both values and where they stand', () => {
    expect(problems({ yaml: 'beat: 50s', env: { CROSSTALK_LEASE: '2m' } })).toEqual([
      '"beat" 50s (/c/config.yaml:1) must be at most a third of "lease" 2m 00s (CROSSTALK_LEASE)',
    ]);
    expect(problems({ yaml: 'lease-margin: 100s' })[0]).toContain('must leave room for two beats');
    expect(problems({ yaml: 'interval: 1s\ninterval-min: 2s' })[0]).toContain('must not be above');
  });

  it('a variable that is nearly ours is pointed out; others are left alone', () => {
    const decoded = decode({
      env: { CROSSTALK_LEASES: '1m', CROSSTALK_SOMETHING_ELSE: 'x', CROSSTALK_STATE_DIR: '/x' },
    });
    expect(decoded).toMatchObject({
      warnings: ['CROSSTALK_LEASES is set but unknown; did you mean CROSSTALK_LEASE?'],
    });
  });
});

describe('the table of settings', () => {
  it('has every field once, each with its own key and variable', () => {
    expect(Object.keys(SETTINGS).sort()).toEqual(Object.keys(DEFAULTS).sort());
    const all = Object.values(SETTINGS);
    expect(new Set(all.map(({ key }) => key)).size).toBe(all.length);
    expect(all.filter(({ env }) => env === null).map(({ key }) => key)).toEqual([
      'projects',
      'notify',
      'people',
    ]);
    expect(all.flatMap(({ flag }) => (flag === null ? [] : [flag]))).toEqual([
      'alias',
      'concurrency',
      'interval',
      'only',
      'listen',
    ]);
  });
});

describe('reading the configuration', () => {
  const sources = (path: string) => ({
    env: { CROSSTALK_CONFIG_DIR: path },
    flags: {},
    hostname: 'h',
  });

  it.each([
    [{ CROSSTALK_CONFIG_DIR: '/c', XDG_CONFIG_HOME: '/x', HOME: '/h' }, '/c'],
    [{ CROSSTALK_CONFIG_DIR: '', XDG_CONFIG_HOME: '/x', HOME: '/h' }, '/x/crosstalk'],
    [{ XDG_CONFIG_HOME: 'relative', HOME: '/h' }, '/h/.config/crosstalk'],
  ])('%j leads to %s', (env, path) => {
    expect(locateConfigDirectory(env).configFile).toBe(join(path, 'config.yaml'));
  });

  it('needs no directory, makes it private when it has something to write, and then leaves its mode alone', async () => {
    const path = join(await tempDirectory(), 'new', 'crosstalk');
    expect((await readConfig(sources(path))).config.alias).toBe('h');
    await makeConfigDirectory(locateConfigDirectory({ CROSSTALK_CONFIG_DIR: path }));
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    await chmod(path, 0o755);
    await makeConfigDirectory(locateConfigDirectory({ CROSSTALK_CONFIG_DIR: path }));
    expect((await stat(path)).mode & 0o777).toBe(0o755);
  });

  it('names the file and every problem', async () => {
    const path = await tempDirectory();
    await writeFile(join(path, 'config.yaml'), 'alias: A B\nlese: 1\n');
    await expect(readConfig(sources(path))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /config\.yaml:1: [^]*config\.yaml:2: |config\.yaml:2: [^]*config\.yaml:1: /,
      ) as string,
    });
  });

  it.each(['', 'config.yaml', 'models.yaml', 'approvals.json'])(
    'is refused when everybody may write %j, with the chmod that fixes it',
    async (name) => {
      const path = await tempDirectory();
      if (name !== '') await writeFile(join(path, name), '');
      await chmod(join(path, name), name === '' ? 0o777 : 0o666);
      await expect(readConfig(sources(path))).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        fix: fixIs(new RegExp(`chmod go-w ${join(path, name)}`)),
      });
    },
  );

  it('warns when its group may write it', async () => {
    const path = await tempDirectory();
    await chmod(path, 0o770);
    expect((await readConfig(sources(path))).warnings).toEqual([
      expect.stringContaining(`chmod g-w ${path}`),
    ]);
  });

  it.runIf(process.getuid?.() === 0)('is refused when it belongs to another user', async () => {
    const path = await tempDirectory();
    await chown(path, 12_345, 12_345);
    await expect(readConfig(sources(path))).rejects.toMatchObject({
      message: expect.stringContaining('belongs to user 12345') as string,
    });
  });

  it('is refused when a file stands where the directory or a directory where the file should be', async () => {
    const path = await tempDirectory();
    await writeFile(join(path, 'file'), '');
    await expect(readConfig(sources(join(path, 'file')))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await mkdir(join(path, 'config.yaml'));
    await expect(readConfig(sources(path))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
