// Blocks of code: the language's name, a copy button, and colours by highlight.js, which is loaded
// when the first block comes.
import {copyButton, h} from "./dom.js";
import {sanitizeSpans} from "./markdown.js";

// Colouring more than this would be felt.
const LONGEST_COLOURED = 60_000;

let loading = null;

function highlighter() {
  loading ??= import("../lib/highlight.js").then(() => globalThis.hljs);
  return loading;
}

// Puts a frame around <pre><code class="language-...">. With `growing`, colours wait until the code
// is complete.
export function frameCode(pre, growing) {
  const code = pre.querySelector("code");
  const language = /language-(\S+)/.exec(code.className)?.[1] ?? "";
  pre.tabIndex = 0;
  pre.setAttribute("aria-label", language ? `Code, ${language}` : "Code");
  pre.setAttribute("role", "region");
  const frame = h("div.code", {},
    h("div.code-head", {}, h("span.code-language", {}, language || "text"), copyButton("Copy code", () => code.textContent)));
  pre.replaceWith(frame);
  frame.append(pre);
  if (!growing) colour(code, language);
  return frame;
}

async function colour(code, language) {
  const text = code.textContent;
  if (language === "" || text.length > LONGEST_COLOURED) return;
  const draw = (hljs) => {
    if (!hljs?.getLanguage(language)) return;
    try {
      code.replaceChildren(sanitizeSpans(hljs.highlight(language, text, true).value));
      code.classList.add("hljs");
    } catch {
      code.textContent = text;
    }
  };
  if (globalThis.hljs) draw(globalThis.hljs);
  else draw(await highlighter().catch(() => null));
}
