/** The colours that a person has chosen: automatic, light, dark, and again. */
import { createCell } from './state.ts';
import { readTheme, type Theme, useTheme } from './theme.ts';

export const theme = createCell<Theme>(readTheme());

export function cycleTheme(): void {
  const next = ({ auto: 'light', light: 'dark', dark: 'auto' } as const)[theme.get()];
  useTheme(next);
  theme.set(next);
}
