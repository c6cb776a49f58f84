// Repositories on this disk over ssh: an sshd on loopback with its own keys, run as anyone who
// measures.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';

const SSHD = '/usr/sbin/sshd';

/**
 * Null where there is no sshd. `gate`: run in the place of what is asked for. `command` is what git has to use as ssh, `shared` the same with one
 * connection for all calls.
 */
export async function startSsh(place, gate = null) {
  if (!existsSync(SSHD)) return null;
  const dir = join(place, 'ssh');
  mkdirSync(dir, { mode: 0o700 });
  for (const key of ['host', 'user'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, key)]);
  const key = readFileSync(join(dir, 'user.pub'), 'utf8');
  writeFileSync(join(dir, 'authorized'), gate === null ? key : `command="${gate}" ${key}`);
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await freePort();
  const settings = [
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
  ];
  writeFileSync(join(dir, 'config'), `${settings.join('\n')}\n`);
  const child = spawn(SSHD, ['-D', '-e', '-f', join(dir, 'config')], { stdio: 'ignore' });
  await untilOpen(port);
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'IdentitiesOnly=yes',
    'LogLevel=ERROR',
    `IdentityFile=${dir}/user`,
  ];
  const command = `ssh -F /dev/null ${options.map((option) => `-o${option}`).join(' ')}`;
  return {
    child,
    url: `ssh://${userInfo().username}@127.0.0.1:${port}`,
    command,
    shared: `${command} -oControlMaster=auto -oControlPath=${dir}/m -oControlPersist=20`,
  };
}

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function untilOpen(port) {
  for (let tries = 0; tries < 400; tries += 1) {
    const isOpen = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', () => resolve(false));
      socket.once('connect', () => resolve(true) ?? socket.destroy());
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('sshd did not start');
}
