// Calls of tools that a model asks for, and their results, as cards.
import {path} from './conversation.js';
import {copyButton, h, icon} from './dom.js';
import {editor} from './editor.js';

// Arguments are JSON once they are complete; until then, and when they are not, they stand as they
// come.
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export class ToolCalls {
  #onresult;
  #cards = [];

  constructor(onresult) {
    this.#onresult = onresult;
    this.element = h('div.tools');
  }

  // With a conversation (the answer is complete), calls without a result can be given one.
  update({toolCalls}, conversation) {
    const answered = new Set(
        conversation === null ?
            [] :
            path(conversation).filter(({role}) => role === 'tool').map(({toolCall}) => toolCall));
    toolCalls.forEach((call, i) => {
      this.#cards[i] ??= this.#card(call);
      this.#cards[i].update(call, conversation !== null && !answered.has(call.id));
    });
  }

  #card(call) {
    const name = h('strong.tool-name');
    const code = h('code');
    const give = h('button.quiet-button', {type: 'button', hidden: true}, 'Give the result');
    const card =
        h('div.card.tool', {role: 'group'},
          h('div.tool-head', {}, icon('tool'), h('span.tool-label', {}, 'Calls'), name,
            copyButton('Copy arguments', () => code.textContent)),
          h('pre', {tabindex: '0', role: 'region', 'aria-label': 'Arguments'}, code), give);
    give.addEventListener('click', () => {
      const close = () => {
        form.replaceWith(give);
        give.focus();
      };
      const form = editor({
        label: `Result of ${call.name}`,
        text: '',
        send: 'Send result',
        onclose: close,
        onsend: (text) => {
          close();
          this.#onresult(call, text);
        }
      });
      give.replaceWith(form);
      form.querySelector('textarea').focus();
    });
    this.element.append(card);
    return {
      update(now, open) {
        name.textContent = now.name || '…';
        card.setAttribute('aria-label', `Tool call ${now.name}`);
        const text = pretty(now.arguments);
        if (code.textContent !== text) code.textContent = text;
        give.hidden = !open;
      },
    };
  }
}

export function resultCard(message) {
  return h(
      'div.card.tool.result', {role: 'group', 'aria-label': 'Result of a tool'},
      h('div.tool-head', {}, icon('check'), h('span.tool-label', {}, 'Result')),
      h('pre', {tabindex: '0', role: 'region', 'aria-label': 'Result'},
        h('code', {}, pretty(message.content))));
}
