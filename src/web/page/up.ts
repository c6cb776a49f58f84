/** The way up: which place holds this one. */
import { createCell, goTo, place } from './state.ts';

/** The channel of the conversation in view. */
export const channelInView = createCell<string | null>(null);

/** Goes up one step; false when there is none. */
export function up(): boolean {
  const here = place.get();
  if (here.at === 'message')
    goTo(
      channelInView.get() === null
        ? { at: 'now' }
        : { at: 'channel', name: channelInView.get() ?? '' },
    );
  else if (here.at === 'run') goTo({ at: 'runs' });
  else if (here.at === 'channel' || here.at === 'search') goTo({ at: 'now' });
  else return false;
  return true;
}
