/** Why a message stands where it stands, opened below it. */
import type { VNode } from 'preact';
import { useAnswer } from './api.ts';
import { Fix, Loading, Trouble } from './parts.tsx';
import type { Why } from './told.ts';

/** What follows host by host is not said before it as well. */
function headOf(says: string, hosts: Why['parts'][number]['hosts']): string {
  return hosts.some((one) => says.startsWith(`${one.host}: ${one.says}`))
    ? 'no host takes it now'
    : says;
}

export function WhyView({ id }: { readonly id: string }): VNode {
  const { data, problem } = useAnswer<Why>(`why?id=${encodeURIComponent(id)}`);
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  return (
    <div class="why">
      {[
        ...data.notes.map((says) => ({ name: null, says, fix: null, hosts: [] })),
        ...data.parts,
      ].map(({ name, says, fix, hosts }) => (
        <div key={`${name ?? ''} ${says}`}>
          <p>
            {name === null ? null : <b>{name}</b>} {headOf(says, hosts)}
          </p>
          {hosts.map(({ host, says: opinion }) => (
            <p class="soft" key={host}>
              {host}: {opinion}
            </p>
          ))}
          {fix === null ? null : <Fix text={fix} />}
        </div>
      ))}
    </div>
  );
}
