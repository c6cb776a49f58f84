/** The last pushes of the dispatcher on this machine, and what each carried. */
import type { VNode } from 'preact';
import { useAnswer } from './api.ts';
import { formatSpan, plural } from './format.ts';
import { Pill } from './parts.tsx';
import type { Push, Pushes } from '../told.ts';

export function PushList(): VNode | null {
  const { data } = useAnswer<Pushes>('pushes');
  if (data === null) return null;
  const { host, pushes } = data;
  return (
    <section class="section">
      <h2>{host === null ? 'Pushes' : `Pushes of ${host}`}</h2>
      {pushes.length === 0 ? (
        <p class="hint">
          {host === null
            ? 'No dispatcher runs on this machine. Other hosts report only how often they push.'
            : 'It has not pushed yet.'}
        </p>
      ) : (
        <div class="rows">
          {pushes.map((push) => (
            <div class="row" key={push.atMs}>
              <span class="row-main">
                <b>{carried(push)}</b>
                {push.subjects.map((subject, at) => (
                  <span class="row-text" key={at}>
                    {subject}
                  </span>
                ))}
                {push.commits > push.subjects.length ? (
                  <span class="row-text">and {push.commits - push.subjects.length} more</span>
                ) : null}
              </span>
              <span class="row-side">
                {push.how === 'landed' ? null : <Pill state="failed" text={HOW[push.how]} />}
                <span class="soft small">
                  {new Date(push.atMs).toLocaleTimeString('en-GB')}, took {formatSpan(push.tookMs)}
                </span>
              </span>
            </div>
          ))}
        </div>
      )}
    </section>
  );
}

const HOW: Readonly<Record<Push['how'], string>> = {
  landed: 'landed',
  part: 'landed in part',
  lost: 'another push was first',
  refused: 'refused',
  unknown: 'no answer',
};

/** `2 commits, 1 claim, beat`: kinds that it has none of are left out. */
function carried(push: Push): string {
  const { commits, movesBranch, claimed, renewed, released, capsules, hasBeat } = push;
  const counted = (count: number, one: string): readonly string[] =>
    count === 0 ? [] : [plural(count, one)];
  const parts = [
    ...(movesBranch && commits === 0 ? ['commits'] : counted(commits, 'commit')),
    ...counted(claimed, 'new claim'),
    ...counted(renewed, 'renewed claim'),
    ...counted(released, 'ended claim'),
    ...counted(capsules, 'capsule'),
    ...(hasBeat ? ['beat'] : []),
  ];
  return parts.join(', ') || 'refs of its own';
}
