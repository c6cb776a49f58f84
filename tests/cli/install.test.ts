import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMON_OPTIONS } from '../../src/cli/declare.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { formatManPage } from '../../src/cli/care/man-page.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const LIMIT_MS = 300_000;
const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

describe('npm i -g of the packed tarball', () => {
  const place = mkdtempSync(join(tmpdir(), 'crosstalk-install-'));
  const prefix = join(place, 'prefix');
  const env = {
    PATH: `${join(prefix, 'bin')}:${process.env['PATH'] ?? ''}`,
    HOME: join(place, 'home'),
    GIT_CONFIG_NOSYSTEM: '1',
    NO_COLOR: '1',
  };
  beforeAll(() => {
    mkdirSync(env.HOME);
    writeFileSync(
      join(env.HOME, '.gitconfig'),
      '[user]\n\tname = Ada\n\temail = ada@example.org\n',
    );
    // The build is there already, and other tests run from it: it is not made again here.
    const packed = execFileSync(
      'npm',
      ['pack', '--ignore-scripts', '--json', '--pack-destination', place],
      {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const [{ filename } = { filename: '' }] = JSON.parse(packed.toString()) as {
      filename: string;
    }[];
    const install = [
      'install',
      '--global',
      '--prefix',
      prefix,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      join(place, filename),
    ];
    // The home of anyone who runs the tests, because the cache of the registry is there; nothing
    // but the prefix is written.
    execFileSync('npm', install, { cwd: place, stdio: ['ignore', 'ignore', 'pipe'] });
  }, LIMIT_MS);
  afterAll(() => rmSync(place, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));

  const crosstalkd = (args: readonly string[], cwd = place): string =>
    execFileSync('crosstalkd', args, { cwd, env }).toString();

  it(
    'gives a program that tells its version, makes a transport and answers in it',
    () => {
      const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
        version: string;
      };
      expect(realpathSync(join(prefix, 'bin', 'crosstalkd')).startsWith(realpathSync(prefix))).toBe(
        true,
      );
      expect(crosstalkd(['--version'])).toBe(`${version}\n`);
      crosstalkd(['init', 'team', '--alias', 'laptop']);
      const team = join(place, 'team');
      crosstalkd(['send', '--to', 'echo', '-m', 'hello from the package'], team);
      crosstalkd(['run', '--once'], team);
      expect(
        execFileSync('git', ['log', '--format=%s', 'main'], {
          cwd: join(place, 'team.git'),
          env,
        }).toString(),
      ).toContain('echo → ada: hello from the package');
      expect(crosstalkd(['status'], team)).toContain('All is well');
    },
    LIMIT_MS,
  );

  it('brings the manual page to where man looks for it', () => {
    const page = join(prefix, 'share', 'man', 'man1', 'crosstalkd.1');
    expect(readFileSync(page, 'utf8')).toBe(formatManPage(COMMANDS));
    if (has('man'))
      expect(
        execFileSync('man', ['-w', 'crosstalkd'], {
          env: { ...env, MANPATH: join(prefix, 'share', 'man') },
        })
          .toString()
          .trim(),
      ).toBe(realpathSync(page));
  });

  it('names what it carries of others, each with its licence', () => {
    const dist = join(prefix, 'lib', 'node_modules', 'crosstalkd', 'dist');
    const bill = JSON.parse(readFileSync(join(dist, 'sbom.cdx.json'), 'utf8')) as {
      readonly components: readonly { readonly name: string; readonly version: string }[];
    };
    expect(bill.components.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['cac', 'js-yaml', 'ulid', 'preact', '@modelcontextprotocol/sdk']),
    );
    const licences = readFileSync(join(dist, 'licences.txt'), 'utf8');
    for (const { name, version } of bill.components)
      expect(licences).toContain(`${name} ${version} (`);
  });

  it('brings no sources, tests or scripts', () => {
    const home = join(prefix, 'lib', 'node_modules', 'crosstalkd');
    expect(readdirSync(home).sort()).toEqual(
      expect.arrayContaining(['bin', 'dist', 'package.json', 'template']),
    );
    for (const name of ['src', 'tests', 'scripts'])
      expect(existsSync(join(home, name))).toBe(false);
  });
});

describe('the manual page', () => {
  const page = formatManPage(COMMANDS);
  it('has every command with every option', () => {
    const text = page.replaceAll('\\-', '-');
    for (const { name, options, subcommands } of COMMANDS)
      for (const spec of subcommands ?? [{ name, options }]) {
        expect(text).toContain(`.B crosstalkd ${spec.name}`);
        for (const option of [...spec.options, ...COMMON_OPTIONS])
          expect(text).toContain(`--${option.name}`);
      }
  });

  it.skipIf(!has('groff'))('is read by groff without a warning', () => {
    const read = spawnSync('groff', ['-man', '-ww', '-z', '-Tutf8'], { input: page });
    expect(read.stderr.toString()).toBe('');
    expect(read.status).toBe(0);
  });

  it('is ASCII, and no text becomes a request', () => {
    expect(page).toMatch(/^[\n\x20-\x7e]*$/);
    const requests = new Set([...page.matchAll(/^[.'](\w*)/gm)].map(([, name]) => name));
    const known = ['B', 'EE', 'EX', 'I', 'PP', 'RE', 'RS', 'SH', 'TH', 'TP'];
    expect([...requests].sort()).toEqual(known);
  });
});
