/** The page begins here. */
import { render } from 'preact';
import { followServer } from './api.ts';
import { listenForKeys } from './keys.ts';
import { firstChannel, Shell } from './shell.tsx';
import { isLive } from './state.ts';
import './page.css';

const root = document.getElementById('page');
if (root !== null) render(<Shell />, root);
followServer((isUp) => isLive.set(isUp));
listenForKeys(() => firstChannel.get());
