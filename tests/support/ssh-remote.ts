/** A git remote over ssh on loopback: an sshd with its own keys, run as the user who tests. */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { GitFixture } from './git-fixture.ts';
import type { TestServer } from './http-remote.ts';

/** An sshd and the ssh command that gets in. */
export interface SshRemote extends TestServer {
  readonly command: string;
}

/**
 * Starts sshd for the repositories of a fixture; with `takesProtocol` clients may choose git's
 * protocol version. Resolves when it takes connections.
 */
export async function startSshRemote(
  fixture: GitFixture,
  { takesProtocol = false } = {},
): Promise<SshRemote> {
  const dir = join(fixture.root, 'ssh');
  mkdirSync(dir, { mode: 0o700 });
  for (const key of ['host', 'user'])
    execFileSync('/usr/bin/ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, key)]);
  copyFileSync(join(dir, 'user.pub'), join(dir, 'authorized'));
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await freePort();
  writeFileSync(
    join(dir, 'config'),
    configOf(dir, port) + (takesProtocol ? 'AcceptEnv GIT_PROTOCOL\n' : ''),
  );
  const server = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(dir, 'config')], {
    stdio: 'ignore',
  });
  await untilListening(port);
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'IdentitiesOnly=yes',
    'LogLevel=ERROR',
    `IdentityFile=${join(dir, 'user')}`,
  ];
  return {
    url: `ssh://${userInfo().username}@127.0.0.1:${port}`,
    command: `ssh -F /dev/null ${options.map((option) => `-o${option}`).join(' ')}`,
    close: () =>
      new Promise((resolve) => {
        server.once('exit', () => resolve());
        server.kill();
      }),
  };
}

function configOf(dir: string, port: number): string {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${dir}/host`,
    `AuthorizedKeysFile ${dir}/authorized`,
    `PidFile ${dir}/pid`,
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'StrictModes no',
    'PermitRootLogin prohibit-password',
    '',
  ].join('\n');
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('sshd did not start');
}
