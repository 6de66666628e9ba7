// Short words at the lower edge, with a way back where there is one.
import {byId, h} from './dom.js';

export function toast(text, {action = null, onaction = null, seconds = 8} = {}) {
  const element = h('div.toast', {}, h('span', {}, text));
  const close = () => element.remove();
  if (action) {
    element.append(
        h('button.toast-action', {
          type: 'button',
          onclick: () => {
            close();
            onaction();
          }
        },
          action));
  }
  byId('toasts').replaceChildren(element);
  setTimeout(close, seconds * 1000);
}
