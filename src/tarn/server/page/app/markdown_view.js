// Elements out of Markdown's tokens. What a model writes is not trusted: no markup is ever parsed,
// every element is one that is made here. HTML is shown as text, but for a few harmless tags
// without attributes; links lead only to the web and to mail; no picture is loaded from anywhere.
import {frameCode} from './code.js';
import {h} from './dom.js';
import {inlineTokens, restoreTabs} from './markdown.js';
import {formula} from './math.js';

const PLAIN_TAG = /^<(\/?)(b|del|em|i|ins|kbd|mark|s|small|strong|sub|sup|u)\s*>$/i;
const LINE_BREAK = /^<br\s*\/?>$/i;
const PICTURE = /^data:image\/(png|jpeg|gif|webp);base64,[a-z0-9+/=]+$/i;
const DEEPEST = 60;

const ENTITIES = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: '\'',
  nbsp: '\u00a0',
  copy: '©',
  reg: '®',
  trade: '™',
  deg: '°',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  laquo: '«',
  raquo: '»',
  bull: '•',
  middot: '·',
  times: '×',
  divide: '÷',
  plusmn: '±',
  le: '≤',
  ge: '≥',
  ne: '≠',
  asymp: '≈',
  infin: '∞',
  larr: '←',
  rarr: '→',
  uarr: '↑',
  darr: '↓',
  harr: '↔',
  euro: '€',
  pound: '£',
  sect: '§',
  para: '¶',
  frac12: '½',
  sup2: '²',
  sup3: '³',
  micro: 'µ',
  pi: 'π',
};

// Tokens carry text with entities, the writer's and those that marked put there.
export function decode(text) {
  return text.replace(
      /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]\w{1,30}));/gi, (all, hex, decimal, name) => {
        if (name) return Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : all;
        const code = hex ? parseInt(hex, 16) : Number(decimal);
        return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
      });
}

// The address, if it is a whole one of the web or of mail.
function safeAddress(text) {
  try {
    const url = new URL(decode(text ?? '').trim());
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

const outside = (href, title, ...children) => h(
    'a', {href, title: title ? decode(title) : null, target: '_blank', rel: 'noopener noreferrer'},
    ...children);

const INLINE = {
  br: () => h('br'),
  codespan: ({text}) => h('code', {}, restoreTabs(decode(text))),
  del: ({tokens}, depth) => fill(h('del'), tokens, depth),
  em: ({tokens}, depth) => fill(h('em'), tokens, depth),
  escape: ({text}) => decode(text),
  formula: ({text, display}) => formula(text, display),
  image({href, title, text}) {
    const name = decode(text ?? '');
    if (PICTURE.test(href ?? '')) return h('img', {src: href, alt: name});
    const address = safeAddress(href);
    const label = `🖼 ${name || 'picture'}`;
    return address === null ? label :
                              outside(address, title || `Picture, not loaded: ${address}`, label);
  },
  link({href, title, tokens}, depth) {
    const address = safeAddress(href);
    return fill(
        address === null ? document.createDocumentFragment() : outside(address, title), tokens,
        depth);
  },
  strong: ({tokens}, depth) => fill(h('strong'), tokens, depth),
  text: ({text, tokens}, depth) =>
      (tokens ? fill(document.createDocumentFragment(), tokens, depth) : decode(text)),
};

// Appends the tokens of a line to the element. HTML tags that are allowed open and close elements
// within it.
function fill(element, tokens, depth) {
  const open = [element];
  for (const token of tokens ?? []) {
    const tag = token.type === 'html' ? PLAIN_TAG.exec(token.raw) : null;
    if (tag && tag[1] === '' && open.length < DEEPEST) {
      const inner = h(tag[2].toLowerCase());
      open.at(-1).append(inner);
      open.push(inner);
    } else if (
        tag && tag[1] !== '' && open.length > 1 && open.at(-1).localName === tag[2].toLowerCase()) {
      open.pop();
    } else if (token.type === 'html' && LINE_BREAK.test(token.raw)) {
      open.at(-1).append(h('br'));
    } else {
      const make = depth < DEEPEST && Object.hasOwn(INLINE, token.type) ? INLINE[token.type] : null;
      open.at(-1).append(make ? make(token, depth + 1) : restoreTabs(token.raw));
    }
  }
  return element;
}

const BLOCK = {
  blockquote: ({tokens}, depth) => h('blockquote', {}, tokens.map((token) => block(token, depth))),
  code: ({text, lang}, _, growing) =>
      frameCode(restoreTabs(text), /^[\w+#.-]{1,30}/.exec(lang ?? '')?.[0] ?? '', growing),
  formula: ({text}) => formula(text, true),
  // The page has the first two levels.
  heading: ({tokens, depth: level}, depth) => fill(h(`h${Math.min(level + 2, 6)}`), tokens, depth),
  hr: () => h('hr'),
  html: ({raw}, depth) => fill(h('p.plain'), inlineTokens(raw.trim()), depth),
  list: ({ordered, start, items, loose}, depth, growing) =>
      h(ordered ? 'ol' : 'ul', {start: ordered && start !== 1 && start !== '' ? start : null},
        items.map(
            (item) =>
                h(item.task ? 'li.task' : 'li', {}, item.task && (item.checked ? '☑ ' : '☐ '),
                  item.tokens.map(
                      (token) => block(
                          loose && token.type === 'text' ? {...token, type: 'paragraph'} : token,
                          depth, growing))))),
  paragraph: ({tokens, text}, depth) =>
      (tokens ? fill(h('p'), tokens, depth) : h('p', {}, decode(text))),
  table({header, align, rows}, depth) {
    const cell = (tag, {tokens}, i) =>
        fill(h(tag, {class: align[i] ? `align-${align[i]}` : null}), tokens, depth);
    return h(
        'div.table', {role: 'region', 'aria-label': 'Table', tabindex: '0'},
        h('table', {}, h('thead', {}, h('tr', {}, header.map((item, i) => cell('th', item, i)))),
          h('tbody', {},
            rows.map((row) => h('tr', {}, row.map((item, i) => cell('td', item, i)))))));
  },
  text: (token, depth) => INLINE.text(token, depth),
};

// The element or the text of one block. `growing`: more of it will come.
export function block(token, depth = 0, growing = false) {
  if (token.type === 'space' || token.type === 'def') return '';
  const make = depth < DEEPEST && Object.hasOwn(BLOCK, token.type) ? BLOCK[token.type] : plainBlock;
  return make(token, depth + 1, growing);
}

// A block that could not be parsed, as it came.
export const plainBlock = ({raw}) => h('p.plain', {}, restoreTabs(raw));
