// The choice between the system's colours, light and dark. early_theme.js applies it.
import {remember, remembered} from './local.js';

export const THEMES = ['auto', 'light', 'dark'];
const KEY = 'tarn.theme';

export function currentTheme() {
  const choice = remembered(KEY);
  return THEMES.includes(choice) ? choice : 'auto';
}

export function chooseTheme(choice) {
  remember(KEY, choice === 'auto' ? null : choice);
  dispatchEvent(new Event('tarn-theme'));
}
