// Blocks of code: the language's name, a copy button, and colours by highlight.js, which is loaded
// when the first block comes.
import {copyButton, h} from './dom.js';
import {decode} from './markdown_view.js';

// Colouring more than this would be felt.
const LONGEST_COLOURED = 60_000;

let loading = null;

function highlighter() {
  loading ??= import('../lib/highlight.js').then(() => globalThis.hljs);
  return loading;
}

// The code in a frame. While it grows, it has no colours.
export function frameCode(text, language, growing) {
  const code = h('code', {}, `${text}\n`);
  if (!growing) colour(code, text, language);
  return h(
      'div.code', {},
      h('div.code-head', {}, h('span.code-language', {}, language || 'text'),
        copyButton('Copy code', () => code.textContent)),
      h('pre',
        {tabindex: '0', role: 'region', 'aria-label': language ? `Code, ${language}` : 'Code'},
        code));
}

async function colour(code, text, language) {
  if (language === '' || text.length > LONGEST_COLOURED) return;
  const hljs = globalThis.hljs ?? await highlighter().catch(() => null);
  if (!hljs?.getLanguage(language)) return;
  try {
    code.replaceChildren(...spans(hljs.highlight(language, `${text}\n`, true).value));
  } catch {
    code.textContent = `${text}\n`;
  }
}

// The elements that highlight.js means by its markup, which consists of spans with classes and of
// escaped text.
function spans(markup) {
  const root = h('code');
  const open = [root];
  for (const [all, classes, text] of markup.matchAll(
           /<span class="([\w -]*)">|<\/span>|([^<]+|<)/g)) {
    if (classes !== undefined) {
      const span = h('span', {class: classes});
      open.at(-1).append(span);
      open.push(span);
    } else if (all === '</span>') {
      if (open.length > 1) open.pop();
    } else {
      open.at(-1).append(decode(text));
    }
  }
  return root.childNodes;
}
