// Markdown that grows. Blocks that can no longer change keep their elements; each frame parses and
// draws only what comes after them, mostly the last block.
import {h} from './dom.js';
import {blocks, prepare, restoreTabs} from './markdown.js';
import {block, plainBlock} from './markdown_view.js';

export class ProseView {
  #text = null;
  #done = false;
  #links = {};
  #drawn = [];         // {raw, element}
  #settledBlocks = 0;  // how many of them will not change
  #settledText = 0;    // and how much text they cover

  constructor() { this.element = h('div.prose'); }

  // Shows `text`, which begins with the text shown before. When `done`, the whole is held against
  // one parse from the start: a link may have been defined after its use.
  update(text, done) {
    if (text === this.#text && done === this.#done) return;
    this.#text = text;
    this.#done = done;
    const prepared = prepare(text);
    if (done) {
      this.#settledBlocks = 0;
      this.#settledText = 0;
      this.#links = {};
    }
    // A definition that may still grow must not stay as it is now.
    const links = {...this.#links};
    const tokens = this.#parse(prepared.slice(this.#settledText), links);
    const shown = tokens.filter(({type}) => type !== 'space' && type !== 'def');
    const redraw = done && Object.keys(links).length > 0;
    shown.forEach(
        (token, i) =>
            this.#draw(this.#settledBlocks + i, token, done, redraw, i + 1 < shown.length));
    for (const {element} of this.#drawn.splice(this.#settledBlocks + shown.length))
      element.remove();
    if (!done && shown.length > 1) {
      for (const token of tokens) {
        if (token === shown.at(-1)) break;
        this.#settledText += token.raw.length;
        if (token.type === 'def' && Object.hasOwn(links, token.tag))
          this.#links[token.tag] = links[token.tag];
      }
      this.#settledBlocks += shown.length - 1;
    }
  }

  #parse(text, links) {
    try {
      return blocks(text, links);
    } catch {
      return [{type: 'plain', raw: text}];
    }
  }

  #draw(index, token, done, redraw, complete) {
    const old = this.#drawn[index];
    const growing = !done && !complete;
    if (old && old.raw === token.raw && old.growing === growing && !redraw) return;
    if (old && this.#growCode(old, token, growing)) return;
    const element = h('div.block', {}, this.#build(token, growing));
    if (old)
      old.element.replaceWith(element);
    else
      this.element.append(element);
    this.#drawn[index] = {raw: token.raw, type: token.type, lang: token.lang, growing, element};
  }

  #build(token, growing) {
    try {
      return block(token, 0, growing);
    } catch {
      return plainBlock(token);
    }
  }

  // A block of code that only became longer keeps its element, its selection and its scroll place.
  #growCode(old, token, growing) {
    if (token.type !== 'code' || old.type !== 'code' || old.lang !== token.lang || !growing ||
        !old.growing)
      return false;
    const node = old.element.querySelector('code')?.firstChild;
    const text = restoreTabs(token.text);
    const shown = node?.data?.replace(/\n$/, '');
    if (shown === undefined || !text.startsWith(shown)) return false;
    node.replaceData(shown.length, node.length - shown.length, `${text.slice(shown.length)}\n`);
    old.raw = token.raw;
    return true;
  }
}
