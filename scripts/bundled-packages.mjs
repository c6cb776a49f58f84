// What of other people is inside the files that are shipped: their licences, which ask to come
// along, and a bill of materials that scanners read.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const TEXTS = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENSE-MIT.txt', 'license', 'LICENCE'];

/**
 * The packages behind the inputs of bundles (as esbuild's metafile names them), by name. Throws for
 * one that says no licence: nothing is shipped that nobody may ship.
 */
export function bundledPackages(root, inputs) {
  const folders = new Set(
    inputs.flatMap(
      (path) => /^((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
    ),
  );
  return [...folders]
    .map((folder) => {
      const { name, version, license } = JSON.parse(
        readFileSync(join(root, folder, 'package.json'), 'utf8'),
      );
      if (typeof license !== 'string') throw new Error(`${name} says no licence`);
      const file = TEXTS.map((each) => join(root, folder, each)).find(existsSync);
      const text = file === undefined ? '' : readFileSync(file, 'utf8').trim();
      return { name, version, license, text };
    })
    .sort((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1));
}

/** All licences as one text. */
export function licencesOf(packages) {
  return packages
    .map(({ name, version, license, text }) => `${name} ${version} (${license})\n\n${text}\n`)
    .join('\n----\n\n');
}

/** A CycloneDX document, without a time, so that one source gives one file. */
export function billOfMaterials(root, packages) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const component = (each, type) => ({
    type,
    'bom-ref': `pkg:npm/${each.name.replace('@', '%40')}@${each.version}`,
    name: each.name,
    version: each.version,
    licenses: [{ license: { id: each.license } }],
    purl: `pkg:npm/${each.name.replace('@', '%40')}@${each.version}`,
  });
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: component({ name, version, license }, 'application') },
    components: packages.map((each) => component(each, 'library')),
  };
}
