/** The frame: the ways through the page at the side, what is open in the middle. */
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { useAnswer, keepCsrf } from './api.ts';
import { ChannelView } from './view-channel.tsx';
import { ChartsView } from './view-charts.tsx';
import { modelNames } from './avatar.tsx';
import { compose } from './compose.tsx';
import { cycleTheme, theme } from './cycle-theme.ts';
import { Dialogs } from './dialogs.tsx';
import { PendingBar } from './pending-bar.tsx';
import { HostsView } from './view-hosts.tsx';
import { NowView } from './view-now.tsx';
import { Icon } from './icon.tsx';
import { Empty, Go } from './parts.tsx';
import type { Place } from './route.ts';
import { RunView } from './view-run.tsx';
import { RunsView } from './view-runs.tsx';
import { SearchView } from './view-search.tsx';
import {
  createCell,
  heading,
  isHelpOpen,
  isLive,
  isMenuOpen,
  isPaletteOpen,
  place,
  useCell,
} from './state.ts';
import type { Channel, Status, Summary } from '../told.ts';

/** Channels in the list at the side; the others are found by search and by links. */
const CHANNELS_SHOWN = 60;

export const firstChannel = createCell('general');

export function Shell(): VNode {
  const here = useCell(place);
  const { data: summary } = useAnswer<Summary>('summary');
  const { data: status } = useAnswer<Status>('status');
  const live = useCell(isLive);
  useEffect(() => {
    if (summary === null) return;
    keepCsrf(summary.csrf);
    modelNames.set(new Set(summary.names.models.map(({ name }) => name)));
    const usual = summary.channels.filter(({ isRun }) => !isRun);
    firstChannel.set(
      usual.find(({ name }) => name === 'general')?.name ?? usual[0]?.name ?? 'general',
    );
  }, [summary]);
  const needs = status?.needs.length ?? 0;
  const where = useCell(heading);
  useEffect(() => {
    const team = summary === null ? '' : ` · ${nameOf(summary.remote)}`;
    document.title = `${needs > 0 ? `(${needs}) ` : ''}${where || 'crosstalk'}${team}`;
  }, [needs, where, summary]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <div class="shell">
        <TopBar needs={needs} />
        <Side here={here} summary={summary} needs={needs} />
        <main id="main" tabIndex={-1}>
          {live === false ? (
            <p class="banner" role="status">
              Not connected: is <code>crosstalkd web</code> still running? What you see is as it
              was.
            </p>
          ) : summary?.outage == null ? null : (
            <p class="banner" role="status">
              The remote does not answer: {summary.outage}
            </p>
          )}
          <View here={here} summary={summary} />
        </main>
      </div>
      <Dialogs summary={summary} status={status} />
      <PendingBar />
    </>
  );
}

function View({
  here,
  summary,
}: {
  readonly here: Place;
  readonly summary: Summary | null;
}): VNode {
  switch (here.at) {
    case 'now':
      return <NowView summary={summary} />;
    case 'channel':
      return <ChannelView name={here.name} asked={null} summary={summary} />;
    case 'message':
      return <ChannelView name={null} asked={here.id} summary={summary} />;
    case 'search':
      return <SearchView query={here.query} summary={summary} />;
    case 'runs':
      return <RunsView />;
    case 'run':
      return <RunView id={here.id} tab={here.tab} />;
    case 'hosts':
      return <HostsView name={here.name} />;
    case 'charts':
      return <ChartsView />;
    case 'nowhere':
      return (
        <Empty title="There is nothing at this address" isPage>
          <Go to={{ at: 'now' }}>To what is running</Go>
        </Empty>
      );
  }
}

function TopBar({ needs }: { readonly needs: number }): VNode {
  return (
    <div class="topbar">
      <button
        type="button"
        class="ghost"
        aria-label="Menu"
        onClick={() => isMenuOpen.set(!isMenuOpen.get())}
      >
        <Icon name="menu" />
        {needs > 0 ? <span class="dot" /> : null}
      </button>
      <Go to={{ at: 'now' }} class="brand">
        crosstalk
      </Go>
      <button type="button" class="ghost" aria-label="New message" onClick={() => compose()}>
        <Icon name="pen" />
      </button>
    </div>
  );
}

const WAYS = [
  { place: { at: 'now' }, icon: 'now', word: 'Now' },
  { place: { at: 'search', query: '' }, icon: 'search', word: 'Search' },
  { place: { at: 'runs' }, icon: 'runs', word: 'Runs' },
  { place: { at: 'hosts', name: null }, icon: 'hosts', word: 'Hosts' },
  { place: { at: 'charts' }, icon: 'charts', word: 'Charts' },
] as const;

const THEME_WORDS = { auto: 'As the system', light: 'Light', dark: 'Dark' } as const;
const THEME_ICONS = { auto: 'auto', light: 'sun', dark: 'moon' } as const;

function Side({
  here,
  summary,
  needs,
}: {
  readonly here: Place;
  readonly summary: Summary | null;
  readonly needs: number;
}): VNode {
  const isOpen = useCell(isMenuOpen);
  const chosen = useCell(theme);
  const close = (): void => isMenuOpen.set(false);
  const channels = (summary?.channels ?? []).filter(({ isRun }) => !isRun);
  return (
    <>
      {isOpen ? <div class="veil" onClick={close} /> : null}
      <nav class={`side ${isOpen ? 'open' : ''}`} aria-label="Places">
        <div class="side-top">
          <Go to={{ at: 'now' }} class="brand" onGo={close}>
            <img src="/assets/icon.svg" alt="" width="22" height="22" />
            crosstalk
          </Go>
        </div>
        <button
          type="button"
          class="button main compose"
          onClick={() => {
            close();
            compose();
          }}
        >
          <Icon name="pen" /> New message
        </button>
        <button
          type="button"
          class="way find"
          onClick={() => {
            close();
            isPaletteOpen.set(true);
          }}
        >
          <Icon name="search" />
          <span>Go to or do</span>
          <kbd>Ctrl K</kbd>
        </button>
        <ul>
          {WAYS.map(({ place: to, icon, word }) => (
            <li key={word}>
              <Go
                to={to}
                class="way"
                current={here.at === to.at || (to.at === 'runs' && here.at === 'run')}
                onGo={close}
              >
                <Icon name={icon} />
                <span>{word}</span>
                {to.at === 'now' && needs > 0 ? <b class="badge">{needs}</b> : null}
              </Go>
            </li>
          ))}
        </ul>
        <h2 class="side-title">Channels</h2>
        <ul class="side-channels">
          {channels.slice(0, CHANNELS_SHOWN).map((channel) => (
            <ChannelWay
              key={channel.name}
              channel={channel}
              current={here.at === 'channel' && here.name === channel.name}
              onGo={close}
            />
          ))}
        </ul>
        <div class="side-foot">
          <p class="side-where" title={summary?.remote}>
            {summary === null ? '' : nameOf(summary.remote)}
            <span>{summary === null ? '' : `${summary.me ?? 'nobody'} on ${summary.host}`}</span>
          </p>
          <button
            type="button"
            class="ghost"
            title={`${THEME_WORDS[chosen]} (t)`}
            aria-label={`Colours: ${THEME_WORDS[chosen]}`}
            onClick={cycleTheme}
          >
            <Icon name={THEME_ICONS[chosen]} />
          </button>
          <button
            type="button"
            class="ghost"
            title="Keys (?)"
            aria-label="Keys"
            onClick={() => isHelpOpen.set(true)}
          >
            <Icon name="help" />
          </button>
        </div>
      </nav>
    </>
  );
}

function ChannelWay({
  channel,
  current,
  onGo,
}: {
  readonly channel: Channel;
  readonly current: boolean;
  readonly onGo: () => void;
}): VNode {
  return (
    <li>
      <Go
        to={{ at: 'channel', name: channel.name }}
        class="way"
        current={current}
        onGo={onGo}
        title={`#${channel.name} ${channel.description}`}
      >
        <span class="hash">#</span>
        <span class="way-name">{channel.title ?? channel.name}</span>
        {channel.open > 0 ? <b class="badge quiet">{channel.open}</b> : null}
      </Go>
    </li>
  );
}

/** The last part of a remote's address: what people call the transport. */
function nameOf(remote: string): string {
  return (
    remote
      .replace(/(?<!\/)\/+$/, '')
      .replace(/\.git$/, '')
      .split(/[/:]/)
      .at(-1) ?? remote
  );
}
