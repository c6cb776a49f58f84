/** The commits of a message and its answers, opened below it. */
import { formatWords } from '../../base/fix.ts';
import type { VNode } from 'preact';
import type { History } from '../told.ts';
import { useAnswer } from './api.ts';
import { formatMoment } from './format.ts';
import { Command, Loading, Trouble } from './parts.tsx';

export function HistoryView({ id, path }: { readonly id: string; readonly path: string }): VNode {
  const { data, problem } = useAnswer<History>(`history?id=${encodeURIComponent(id)}`);
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  return (
    <div class="why">
      <ol class="history">
        {data.commits.map(({ commit, author, committer, atMs, subject }) => (
          <li key={commit}>
            <code title={commit}>{commit.slice(0, 8)}</code> {subject}
            <span class="soft">
              {' '}
              {author === committer ? author : `${author}, by ${committer}`}, {formatMoment(atMs)}
            </span>
          </li>
        ))}
      </ol>
      <Command text={formatWords(['git', 'log', '--', path])} />
    </div>
  );
}
