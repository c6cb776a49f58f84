/** Why a message stands where it stands, opened below it. */
import type { VNode } from 'preact';
import { useAnswer } from './api.ts';
import { Fix, Loading, Trouble } from './parts.tsx';
import type { Why } from '../told.ts';

export function WhyView({ id }: { readonly id: string }): VNode {
  const { data, problem } = useAnswer<Why>(`why?id=${encodeURIComponent(id)}`);
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  return (
    <div class="why">
      {[
        ...data.notes.map((head) => ({ name: null, head, fix: null, hosts: [] })),
        ...data.parts,
      ].map(({ name, head, fix, hosts }) => (
        <div key={`${name ?? ''} ${head}`}>
          <p>
            {name === null ? null : <b>{name}</b>} {head}
          </p>
          {hosts.map(({ host, says: opinion }) => (
            <p class="soft" key={host}>
              {host}: {opinion}
            </p>
          ))}
          {fix === null ? null : <Fix fix={fix} />}
        </div>
      ))}
    </div>
  );
}
