/** Light or dark, before anything is drawn. `auto` follows the system. */
export type Theme = 'auto' | 'light' | 'dark';

const KEY = 'crosstalk-theme';

export function readTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'auto';
}

export function useTheme(theme: Theme): void {
  if (theme === 'auto') {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset['theme'];
    return;
  }
  localStorage.setItem(KEY, theme);
  document.documentElement.dataset['theme'] = theme;
}

useTheme(readTheme());
