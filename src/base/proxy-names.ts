/** The variables by which programs find the way through a proxy: some read one case, some both. */
const NAMES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'] as const;

/** Both spellings of each. */
export const PROXY_NAMES: readonly string[] = [
  ...NAMES,
  ...NAMES.map((name) => name.toUpperCase()),
];
