// Small values that outlive the page, in localStorage or, where told so, only in this tab.
// Browsers may forbid both; then a value lives as long as the page.
const fallback = new Map();

function area(tab) {
  try {
    return tab ? sessionStorage : localStorage;
  } catch {
    return null;
  }
}

export function remembered(key, {tab = false} = {}) {
  try {
    return area(tab)?.getItem(key) ?? fallback.get(key) ?? null;
  } catch {
    return fallback.get(key) ?? null;
  }
}

// A null value forgets.
export function remember(key, value, {tab = false} = {}) {
  try {
    if (value === null) {
      fallback.delete(key);
      area(tab)?.removeItem(key);
    } else {
      area(tab).setItem(key, value);
    }
  } catch {
    if (value !== null) fallback.set(key, value);
  }
}

const KEY = 'tarn.apiKey';

export function apiKey() { return remembered(KEY, {tab: true}) ?? remembered(KEY) ?? ''; }

export function keepsApiKey() { return remembered(KEY) !== null; }

// Keeps the key in one place only: this tab, or this browser.
export function setApiKey(key, keep) {
  remember(KEY, key && !keep ? key : null, {tab: true});
  remember(KEY, key && keep ? key : null);
}
