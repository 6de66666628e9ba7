// Formulas, set by KaTeX, which is loaded when the first one comes.
import {h} from './dom.js';

let loading = null;

function load() {
  loading ??= (async () => {
    document.head.append(
        h('link', {rel: 'stylesheet', href: new URL('../lib/katex.css', import.meta.url).href}));
    await import('../lib/katex.js');
    return globalThis.katex;
  })();
  return loading;
}

const OPTIONS = {
  trust: false,
  strict: 'ignore',
  throwOnError: true,
  errorColor: 'currentcolor',
  maxSize: 30,
  maxExpand: 300
};

// An element with the formula; one whose TeX is wrong shows its TeX. KaTeX builds elements here,
// not markup: the page's security policy knows neither markup from scripts nor inline styles.
export function formula(tex, display) {
  const element = h(display ? 'div.math' : 'span.math', {}, tex);
  const set = (katex) => {
    try {
      katex.render(tex, element, {...OPTIONS, displayMode: display});
    } catch {
      element.textContent = tex;
      element.classList.add('math-source');
    }
  };
  if (globalThis.katex)
    set(globalThis.katex);
  else
    load().then(set, () => element.classList.add('math-source'));
  return element;
}
