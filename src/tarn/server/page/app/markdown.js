// Markdown to tokens: what marked knows, and formulas. markdown_view.js makes elements of them.

const {marked} = globalThis;

// A paragraph longer than this is shown as it is: parsing emphasis and brackets takes more than
// linear time on text made for that.
const LONGEST_INLINE = 8000;
const LONGEST_FORMULA = 4000;

// \( \), \[ \], $$ $$ and $ $, the last by the rule that tells it from prices: no space inside the
// dollars, no letter or digit behind them.
function matchFormula(src) {
  for (const [open, close, display] of [
           ['\\(', '\\)', false], ['\\[', '\\]', true], ['$$', '$$', true]]) {
    if (!src.startsWith(open)) continue;
    const end = src.slice(0, LONGEST_FORMULA).indexOf(close, open.length);
    if (end <= open.length) return null;
    const text = src.slice(open.length, end);
    return text.trim() === '' || text.includes('\n\n') ?
        null :
        {raw: src.slice(0, end + close.length), text: text.trim(), display};
  }
  const match = /^\$(?![\s$])((?:\\[^\n]|[^\\$\n]){1,500}?)(?<!\s)\$(?![\p{L}\p{N}$])/u.exec(
      src.slice(0, 520));
  return match ? {raw: match[0], text: match[1], display: false} : null;
}

const standsAlone = (src, formula) =>
    formula.display && /^[ \t]*(?:\n|$)/.test(src.slice(formula.raw.length));

const formulas = (level) => ({
  name: `${level}Formula`,
  level,
  start: (src) => {
    const at = src.search(level === 'block' ? /\n(?=\$\$|\\\[)/ : /\$|\\[([]/);
    return at < 0 ? undefined : at;
  },
  tokenizer: (src) => {
    const formula = matchFormula(src);
    if (!formula || (level === 'block' && !standsAlone(src, formula))) return undefined;
    return {type: 'formula', ...formula};
  },
});

marked.use({
  extensions: [formulas('block'), formulas('inline')],
  gfm: true,
  breaks: false,
  mangle: false,
  headerIds: false
});

// marked turns tabs into spaces, which ruins a Makefile: within fences they travel as a character
// of private use.
const TAB = '\uE009';
const FENCE = /^\s*(?:(?:[-*+>]|\d+[.)])\s+)*(`{3,}|~{3,})/;

export const restoreTabs = (text) => text.replaceAll(TAB, '\t');

// The text as `blocks` wants it: the raw texts of its tokens add up to exactly this.
export function prepare(text) {
  const lines = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
  if (!lines.includes('\t')) return lines;
  let fence = null;
  return lines.split('\n')
      .map((line) => {
        const mark = FENCE.exec(line)?.[1];
        if (mark && fence === null)
          fence = mark;
        else if (mark?.startsWith(fence) && line.trim() === mark)
          fence = null;
        return fence === null ? line.replace(/^[ \t]+/, (space) => space.replaceAll('\t', '    ')) :
                                line.replaceAll('\t', TAB);
      })
      .join('\n');
}

// Lists and quotes within each other in one line: marked goes through the rest of the line for
// each.
const TOO_DEEP = /^(?:[ \t]*(?:>|[*+-][ \t]|\d{1,9}[.)][ \t])){40}/m;

// The blocks of prepared text, in order. `links` holds the definitions of links seen so far and
// takes up new ones.
export function blocks(text, links) {
  if (TOO_DEEP.test(text)) return [{type: 'plain', raw: text}];
  const lexer = new marked.Lexer();
  lexer.tokens.links = links;
  lexer.blockTokens(text, lexer.tokens);
  for (let i = 0; i < lexer.inlineQueue.length; i++) {
    const {src, tokens} = lexer.inlineQueue[i];
    tokens.push(...inline(src, lexer));
  }
  return [...lexer.tokens];
}

function inline(src, lexer) {
  return src.length > LONGEST_INLINE ? [{type: 'plain', raw: src}] : lexer.inlineTokens(src, []);
}

// The tokens of a text within a line.
export function inlineTokens(src) { return inline(src, new marked.Lexer()); }
