import { renameSync } from 'node:fs';
import { createGitFixture, oidOf, type GitFixture } from '../support/git-fixture.ts';
import { describeRepositoryContract, type ContractWorld } from './repository-contract.ts';

/**
 * Real git on a bare remote given by path; with `partial`, its hosts leave out what older files
 * say.
 */
function createGitWorld(partial = false): Promise<ContractWorld> {
  const fixture = createGitFixture();
  fixture.remote(['config', 'uploadpack.allowFilter', String(partial)]);
  const remote: GitFixture['remote'] = (args, run) => fixture.remote(args, run);
  return Promise.resolve({
    open: () => fixture.open({ partial }),
    merge: (parents, files) => {
      const env = { GIT_INDEX_FILE: `${fixture.root}/merge-index` };
      remote(['read-tree', parents[0]], { env });
      const entries = remote(['ls-tree', '-r', parents[1]]);
      remote(['update-index', '--index-info'], { env, input: `${entries}\n` });
      for (const [path, text] of Object.entries(files)) {
        const blob = remote(['hash-object', '-w', '--stdin'], { input: text });
        remote(['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`], { env });
      }
      const tree = remote(['write-tree'], { env });
      const merge = remote([
        'commit-tree',
        '-m',
        'merge',
        '-p',
        parents[0],
        '-p',
        parents[1],
        tree,
      ]);
      remote(['update-ref', 'refs/heads/main', merge]);
      return Promise.resolve(oidOf(merge));
    },
    forgetUnreferenced: () => {
      remote(['gc', '-q', '--prune=now']);
      return Promise.resolve();
    },
    cutOff: () => {
      renameSync(fixture.remoteDir, `${fixture.remoteDir}.away`);
      return Promise.resolve();
    },
    dispose: () => fixture.dispose(),
  });
}

describeRepositoryContract('real git', () => createGitWorld());
describeRepositoryContract('real git with a partial cache', () => createGitWorld(true));
