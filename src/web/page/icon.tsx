/** Line drawings of 24 by 24. */
import type { VNode } from 'preact';

const ICONS: Readonly<Record<string, string>> = {
  now: 'M3 12h4l3 7 4-14 3 7h4',
  runs: 'M6 5v4a3 3 0 0 0 3 3h6a3 3 0 0 1 3 3v4M6 5m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M18 19m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0',
  hosts: 'M5 4h14v6H5zM5 14h14v6H5zM8.500 7h.01M8.500 17h.01',
  charts: 'M4 20V10M10 20V4M16 20v-7M21 20H3',
  search: 'M10.500 17a6.500 6.500 0 1 0 0-13a6.500 6.500 0 0 0 0 13zM20 20l-4.800-4.800',
  pen: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  sun: 'M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8zM12 3v1M12 20v1M3 12h1M20 12h1M5.600 5.600l.7.7M17.700 17.700l.7.7M18.400 5.600l-.7.7M6.300 17.700l-.7.7',
  moon: 'M20 14.500A8 8 0 0 1 9.500 4a8 8 0 1 0 10.500 10.500z',
  auto: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  help: 'M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500h.01M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18z',
  menu: 'M4 7h16M4 12h16M4 17h16',
  back: 'M14 6l-6 6 6 6',
  link: 'M10 14a4 4 0 0 0 5.700 0l3-3a4 4 0 0 0-5.700-5.700l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3a4 4 0 0 0 5.700 5.700l1-1',
  reply: 'M9 8L4 12.500L9 17M4 12.500h10a6 6 0 0 1 6 6V19',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  again: 'M19 12a7 7 0 1 1-2.100-5M19 4v4h-4',
  clip: 'M8 12.500l6-6a3 3 0 0 1 4.300 4.300l-7.500 7.500a5 5 0 0 1-7.100-7.100L11 4',
  outside: 'M14 5h5v5M19 5l-9 9M11 6H6v12h12v-5',
  hash: 'M9 4L7 20M17 4l-2 16M4 9h16M4 15h16',
  copy: 'M9 9h10v10H9zM5 15V5h10',
};

export function Icon({ name }: { readonly name: string }): VNode {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={ICONS[name] ?? ''} />
    </svg>
  );
}
