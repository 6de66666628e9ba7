// Markdown to elements. What a model writes is not trusted: HTML in it is shown as text (but for a few
// harmless tags), the rest passes the sanitizer, links lead only to the web and to mail, and no
// picture is loaded from anywhere.
import {formula} from "./math.js";

const {marked, DOMPurify} = globalThis;

// A paragraph longer than this is shown as it is: parsing emphasis and brackets takes more than
// linear time on text made for that.
const LONGEST_INLINE = 30_000;
const LONGEST_FORMULA = 4000;

const SANITIZE = {
  ALLOWED_TAGS: ["a", "b", "blockquote", "br", "code", "del", "div", "em", "h3", "h4", "h5", "h6", "hr", "i", "img",
    "ins", "kbd", "li", "mark", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup", "table", "tbody",
    "td", "th", "thead", "tr", "u", "ul", "wbr"],
  ALLOWED_ATTR: ["align", "alt", "class", "href", "src", "start", "title"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

const PLAIN_TAGS = /&lt;(\/?)(b|br|del|em|i|ins|kbd|mark|s|small|strong|sub|sup|u|wbr)\s*\/?&gt;/gi;
const PICTURE = /^data:image\/(png|jpeg|gif|webp);base64,[a-z0-9+/=]+$/i;

const escape = (text) =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`).replaceAll("&#60;", "&lt;")
    .replaceAll("&#62;", "&gt;");

// The address, if it is one of the web or of mail.
function safeAddress(text) {
  try {
    const url = new URL(String(text).trim());
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

const renderer = {
  html: (text) => escape(text).replace(PLAIN_TAGS, "<$1$2>"),
  // The page has the first two levels.
  heading: (text, level) => `<h${Math.min(level + 2, 6)}>${text}</h${Math.min(level + 2, 6)}>\n`,
  link(href, title, text) {
    const address = safeAddress(href);
    if (address === null) return text;
    return `<a href="${escape(address)}"${title ? ` title="${escape(title)}"` : ""}>${text}</a>`;
  },
  image(href, title, text) {
    if (PICTURE.test(href ?? "")) return `<img src="${href}" alt="${escape(text ?? "")}">`;
    const address = safeAddress(href);
    const name = `🖼 ${escape(text || "picture")}`;
    return address === null ? name : `<a href="${escape(address)}" title="Not loaded: ${escape(address)}">${name}</a>`;
  },
  checkbox: (checked) => (checked ? "☑ " : "☐ "),
};

// Formulas: \( \), \[ \], $$ $$ and $ $, the last by the rule that tells it from prices: no space
// inside the dollars, no letter or digit behind them.
function matchFormula(src) {
  for (const [open, close, display] of [["\\(", "\\)", false], ["\\[", "\\]", true], ["$$", "$$", true]]) {
    if (!src.startsWith(open)) continue;
    const end = src.slice(0, LONGEST_FORMULA).indexOf(close, open.length);
    if (end <= open.length) return null;
    const text = src.slice(open.length, end);
    return text.trim() === "" || text.includes("\n\n") ? null :
      {raw: src.slice(0, end + close.length), text: text.trim(), display};
  }
  const match = /^\$(?![\s$])((?:\\[^\n]|[^\\$\n]){1,500}?)(?<!\s)\$(?![\p{L}\p{N}$])/u.exec(src.slice(0, 520));
  return match ? {raw: match[0], text: match[1], display: false} : null;
}

const mathExtension = (level) => ({
  name: `${level}Math`,
  level,
  start: (src) => {
    const at = level === "block" ? src.search(/\n *(?:\$\$|\\\[)/) : src.search(/\$|\\[([]/);
    return at < 0 ? undefined : at;
  },
  tokenizer: (src) => {
    const found = matchFormula(src);
    if (!found || (level === "block" && !(found.display && /^[ \t]*(?:\n|$)/.test(src.slice(found.raw.length))))) {
      return undefined;
    }
    return {type: `${level}Math`, ...found};
  },
  renderer: ({text, display}) =>
    (display ? `<div class="math">${escape(text)}</div>` : `<span class="math">${escape(text)}</span>`),
});

marked.use({renderer, extensions: [mathExtension("block"), mathExtension("inline")],
  gfm: true, breaks: false, mangle: false, headerIds: false});

// Markdown turns tabs into spaces, which ruins a Makefile: within fences they travel as a character
// of private use.
const TAB = "\uE009";

export function prepare(text) {
  if (/\r/.test(text)) text = text.replace(/\r\n?/g, "\n");
  if (!text.includes("\t")) return text;
  let fence = null;
  return text.split("\n").map((line) => {
    const mark = /^\s*(?:[-*+>] |\d+[.)] )*\s*(```+|~~~+)/.exec(line)?.[1];
    if (mark && fence === null) fence = mark;
    else if (mark && mark.startsWith(fence) && line.trim() === mark) fence = null;
    return fence === null ? line.replace(/^[ \t]+/, (space) => space.replaceAll("\t", "    ")) :
      line.replaceAll("\t", TAB);
  }).join("\n");
}

// The blocks of prepared text, in order; the raw texts of all of them together are the text. `links`
// holds the definitions of links seen so far and takes up new ones.
export function blocks(text, links) {
  const lexer = new marked.Lexer();
  lexer.tokens.links = links;
  lexer.blockTokens(text, lexer.tokens);
  for (let i = 0; i < lexer.inlineQueue.length; i++) {
    const {src, tokens} = lexer.inlineQueue[i];
    if (src.length > LONGEST_INLINE) tokens.push({type: "text", raw: src, text: escape(src)});
    else lexer.inlineTokens(src, tokens);
  }
  return [...lexer.tokens];
}

// The elements of one block.
export function render(token, links) {
  const tokens = [token];
  tokens.links = links;
  const fragment = DOMPurify.sanitize(marked.parser(tokens), SANITIZE);
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  for (const picture of fragment.querySelectorAll("img")) {
    if (!PICTURE.test(picture.getAttribute("src") ?? "")) picture.remove();
  }
  for (const code of fragment.querySelectorAll("pre > code")) code.textContent = code.textContent.replaceAll(TAB, "\t");
  for (const element of fragment.querySelectorAll(".math")) formula(element, element.localName === "div");
  return fragment;
}

// For text that could not be parsed.
export function renderPlain(text) {
  const paragraph = document.createElement("p");
  paragraph.className = "plain";
  paragraph.textContent = text;
  return paragraph;
}

// Sanitized markup of our own libraries (coloured code).
export const sanitizeSpans = (markup) =>
  DOMPurify.sanitize(markup, {ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true});
