/** Places of the page and their addresses. Pure. */

export type Place =
  | { readonly at: 'now' }
  | { readonly at: 'channel'; readonly name: string }
  | { readonly at: 'message'; readonly id: string }
  | { readonly at: 'search'; readonly query: string }
  | { readonly at: 'runs' }
  | { readonly at: 'run'; readonly id: string; readonly tab: RunTab }
  | { readonly at: 'hosts'; readonly name: string | null }
  | { readonly at: 'charts' }
  | { readonly at: 'nowhere' };

export const RUN_TABS = ['graph', 'timeline', 'tasks'] as const;
export type RunTab = (typeof RUN_TABS)[number];

/** The address of a place. Every message, run and host has one that lasts. */
export function addressOf(place: Place): string {
  const part = encodeURIComponent;
  switch (place.at) {
    case 'now':
    case 'nowhere':
      return '/';
    case 'channel':
      return `/c/${part(place.name)}`;
    case 'message':
      return `/m/${part(place.id)}`;
    case 'search':
      return place.query === '' ? '/search' : `/search?q=${part(place.query)}`;
    case 'runs':
      return '/runs';
    case 'run':
      return `/runs/${part(place.id)}${place.tab === 'graph' ? '' : `/${place.tab}`}`;
    case 'hosts':
      return place.name === null ? '/hosts' : `/hosts/${part(place.name)}`;
    case 'charts':
      return '/charts';
  }
}

/** The place of an address: path and query as `location` has them. */
export function placeOf(path: string, query: string): Place {
  const [, first = '', second, third] = path.split('/').map(decodePart);
  switch (first) {
    case '':
      return { at: 'now' };
    case 'c':
      return second === undefined || second === ''
        ? { at: 'nowhere' }
        : { at: 'channel', name: second };
    case 'm':
      return second === undefined || second === ''
        ? { at: 'nowhere' }
        : { at: 'message', id: second };
    case 'search':
      return { at: 'search', query: new URLSearchParams(query).get('q') ?? '' };
    case 'runs':
      if (second === undefined || second === '') return { at: 'runs' };
      return { at: 'run', id: second, tab: RUN_TABS.find((tab) => tab === third) ?? 'graph' };
    case 'hosts':
      return { at: 'hosts', name: second === undefined || second === '' ? null : second };
    case 'charts':
      return { at: 'charts' };
    default:
      return { at: 'nowhere' };
  }
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
