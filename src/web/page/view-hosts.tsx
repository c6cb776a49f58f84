/**
 * The board: hosts with their beats and slots, models with who serves them, and the budgets of the
 * day.
 */
import type { VNode } from 'preact';
import { useAnswer } from './api.ts';
import { formatCount, formatSpan, formatUsd, plural, shortId } from './format.ts';
import { Avatar } from './avatar.tsx';
import {
  Ago,
  Command,
  Empty,
  Fix,
  Go,
  Head,
  Loading,
  Pill,
  TableHead,
  toneOf,
  Trouble,
} from './parts.tsx';
import { clock, useCell, useTitle } from './state.ts';
import { BudgetLines } from './meter.tsx';
import type { Board } from '../told.ts';

export function HostsView({ name }: { readonly name: string | null }): VNode {
  const { data, problem } = useAnswer<Board>('hosts');
  useTitle('Hosts');
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  return (
    <div class="column wide">
      <Head
        title="Hosts and models"
        about={`${plural(data.hosts.filter(({ isUp }) => isUp).length, 'host')} up. A host that holds work and is silent for ${formatSpan(data.leaseMs)} loses it to another.`}
      />
      {data.hosts.length === 0 ? (
        <Empty title="No host yet">
          <Command text="crosstalkd run" />
        </Empty>
      ) : (
        <div class="board">
          {[...data.hosts].sort(byState).map((host) => (
            <HostCard
              key={`${host.alias}.${host.instance}`}
              host={host}
              isAsked={host.alias === name}
            />
          ))}
        </div>
      )}
      {data.budgets === null ? null : <Budgets budgets={data.budgets} />}
      <section class="section">
        <h2>
          Models <span class="count">{data.models.length}</span>
        </h2>
        {data.models.length === 0 ? (
          <Empty title="No models yet">
            <Command text="crosstalkd models" />
          </Empty>
        ) : (
          <div class="table-scroll" tabIndex={0} role="region" aria-label="Models">
            <table class="models">
              <TableHead
                words={['Model', 'State', 'Hosts']}
                numbers={['Running', 'Waiting', 'Week', 'Median', 'Cost']}
              />
              <tbody>
                {data.models.map((model) => (
                  <ModelRow key={model.name} model={model} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
    </div>
  );
}

/** Those that want to be looked at first, those that are gone last. */
function byState(a: Board['hosts'][number], b: Board['hosts'][number]): number {
  const rank = ({ state }: Board['hosts'][number]): number => {
    const at = ['suspect', 'silent', 'unreadable', 'paused', 'draining'].indexOf(state);
    return state === 'running' ? 10 : at >= 0 ? at : 20;
  };
  return rank(a) - rank(b) || (a.alias < b.alias ? -1 : 1);
}

/** What a state means for anyone who asks something. */
const MEANS: Readonly<Record<string, string>> = {
  paused: 'Paused: it claims nothing until it is resumed.',
  draining: 'Draining: it finishes what runs, then ends.',
  suspect: 'Suspect: it could have taken work and has not.',
  silent: 'Silent: it holds work but sends no beats. Another host may take over.',
  down: 'Down: it has sent no beat for a long time.',
  stopped: 'Stopped: it shut down cleanly.',
};

function HostCard({
  host,
  isAsked,
}: {
  readonly host: Board['hosts'][number];
  readonly isAsked: boolean;
}): VNode {
  const nowMs = useCell(clock);
  const { slots, holds } = host;
  const shown = Math.max(slots, holds.length);
  return (
    <article
      class={`card host ${toneOf(host.state)} ${isAsked ? 'is-asked' : ''} ${host.isUp ? '' : 'is-down'}`}
      id={`host-${host.alias}`}
      data-state={host.state}
    >
      <header>
        <h2>
          <Go to={{ at: 'hosts', name: host.alias }} row>
            {host.alias}
          </Go>
        </h2>
        {host.isHere ? <span class="tag">this machine</span> : null}
        <span class="grow" />
        <Pill state={host.state === 'running' ? 'served' : host.state} text={host.state} />
      </header>
      {MEANS[host.state] === undefined ? null : <p class="means">{MEANS[host.state]}</p>}
      <div class="slots" role="img" aria-label={`${holds.length} of ${slots} slots busy`}>
        {Array.from({ length: Math.min(shown, 32) }, (_, at) => (
          <i key={at} class={at < holds.length ? 'busy' : ''} />
        ))}
        <span class="soft">
          {holds.length} of {slots} busy
        </span>
      </div>
      {holds.map(({ id, model, attempt }) => (
        <Go key={`${id} ${model}`} to={{ at: 'message', id }} class="hold">
          <i class="pulse live" />
          {model} <span class="mono soft">{shortId(id)}</span>
          {attempt > 1 ? <span class="soft">attempt {attempt}</span> : null}
        </Go>
      ))}
      <p class="chips">
        {host.models.map((model) => (
          <span
            class={`chip ${host.parked.some((one) => one.model === model) ? 'rests' : ''}`}
            key={model}
          >
            {model}
            {host.parked.some((one) => one.model === model) ? ' rests' : ''}
          </span>
        ))}
        {host.models.length === 0 ? <span class="soft">serves no models</span> : null}
      </p>
      {host.parked.map(({ model, says }) => (
        <p class="parked" key={model}>
          {says}
        </p>
      ))}
      {host.outage === null ? null : <p class="parked">cannot reach the remote: {host.outage}</p>}
      {host.unsent === null || host.unsent === 0 ? null : (
        <p class="parked">{plural(host.unsent, 'finished answer')} to be delivered</p>
      )}
      <footer class="soft">
        {host.beatMs === null ? (
          'its beat cannot be read'
        ) : (
          <>
            last beat{' '}
            {host.isHere && nowMs - host.beatMs < 60_000 ? (
              'now'
            ) : (
              <Ago atMs={host.beatMs} inText />
            )}
            {host.beatsEveryMs === null
              ? ''
              : `; idle hosts beat every ${formatSpan(host.beatsEveryMs)}`}
          </>
        )}
        {host.version === null ? '' : ` · version ${host.version}`}
      </footer>
    </article>
  );
}

function ModelRow({ model }: { readonly model: Board['models'][number] }): VNode {
  const { here, hosts, parked, week } = model;
  const [rest] = parked;
  const state =
    hosts.length > 0
      ? rest !== undefined && parked.length >= hosts.length
        ? 'paused'
        : 'served'
      : 'stopped';
  const text = state === 'paused' ? 'rests' : state === 'served' ? 'served' : 'no host serves it';
  const details = [here?.adapter, here?.model].filter((part) => part != null).join(' ');
  return (
    <tr>
      <th scope="row">
        <Avatar name={model.name} small /> {model.name}
        <span class="soft">{details}</span>
      </th>
      <td>
        <Pill state={state} text={text} />
        {rest === undefined ? null : <p class="soft small">{rest.says}</p>}
        {here !== null && here.fix !== null && hosts.length === 0 ? <Fix fix={here.fix} /> : null}
      </td>
      <td>{hosts.length === 0 ? <span class="soft">–</span> : hosts.join(', ')}</td>
      <td class="number">{numberOf(model.running)}</td>
      <td class="number">{numberOf(model.waiting)}</td>
      <td class="number">
        {week === null ? (
          <span class="soft">–</span>
        ) : (
          `${formatCount(week.answers)}${week.failed > 0 ? ` (${week.failed} failed)` : ''}`
        )}
      </td>
      <td class="number">
        {week?.medianMs == null ? <span class="soft">–</span> : formatSpan(week.medianMs)}
      </td>
      <td class="number">
        {week === null || week.usd === 0 ? <span class="soft">–</span> : formatUsd(week.usd)}
      </td>
    </tr>
  );
}

/** A count in a table; nothing is a dash. */
function numberOf(count: number): VNode {
  return count === 0 ? <span class="soft">–</span> : <>{count}</>;
}

function Budgets({ budgets }: { readonly budgets: NonNullable<Board['budgets']> }): VNode {
  const nowMs = useCell(clock);
  return (
    <section class="section">
      <h2>
        Budgets of the day{' '}
        <span class="count">again in {formatSpan(Math.max(0, budgets.untilMs - nowMs))}</span>
      </h2>
      <div class="card budgets">
        <BudgetLines lines={budgets.lines} />
      </div>
    </section>
  );
}
