// A small form to write a text in the thread: Enter sends, Shift+Enter makes a line, Esc leaves.
import {h} from './dom.js';

// A text area as high as its text, up to a part of the window.
export function fitHeight(area) {
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight + 2}px`;
}

// Whether this key press sends: Enter alone, and not the one that ends the choice of a character
// in Chinese, Japanese or Korean.
export const sends = (event) =>
    event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229;

export function editor({label, text, send, onsend, onclose}) {
  const area = h('textarea', {'aria-label': label, rows: 2});
  area.value = text;
  const submit = () => {
    if (area.value.trim() !== '') onsend(area.value);
  };
  area.addEventListener('input', () => fitHeight(area));
  area.addEventListener('keydown', (event) => {
    if (sends(event)) {
      event.preventDefault();
      submit();
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      onclose();
    }
  });
  requestAnimationFrame(() => fitHeight(area));
  return h(
      'div.editor', {}, area,
      h('div.editor-buttons', {},
        h('button.quiet-button', {type: 'button', onclick: onclose}, 'Cancel'),
        h('button.main-button', {type: 'button', onclick: submit}, send)));
}
