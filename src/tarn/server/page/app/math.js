// Formulas, set by KaTeX, which is loaded when the first one comes.
let loading = null;

function load() {
  loading ??= (async () => {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = new URL("../lib/katex.css", import.meta.url).href;
    document.head.append(sheet);
    await import("../lib/katex.js");
    return globalThis.katex;
  })();
  return loading;
}

const OPTIONS = {trust: false, strict: "ignore", throwOnError: true, maxSize: 30, maxExpand: 300};

// Sets the TeX that the element holds as text; an element whose TeX is wrong stays as it is. Set as
// elements, not as markup: the page's security policy knows no inline styles.
export function formula(element, displayMode) {
  const tex = element.textContent;
  const set = (katex) => {
    try {
      katex.render(tex, element, {...OPTIONS, displayMode});
    } catch {
      element.textContent = tex;
      element.classList.add("math-source");
    }
  };
  if (globalThis.katex) set(globalThis.katex);
  else load().then(set, () => element.classList.add("math-source"));
}
