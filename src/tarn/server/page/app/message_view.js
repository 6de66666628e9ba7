// One message as an article: what was said, and under it what can be done with it.
import {siblings} from './conversation.js';
import {copyButton, h, icon, iconButton} from './dom.js';
import {editor} from './editor.js';
import {failureCard, notice, waitingCard} from './message_cards.js';
import {ProseView} from './prose_view.js';
import {resultCard, ToolCalls} from './tool_calls.js';
import {duration, statsLine} from './words.js';

const SPEAKERS = {
  user: 'You',
  assistant: 'Tarn',
  tool: 'Tool'
};

export class MessageView {
  #chat;
  #message;
  #prose = null;
  #thinking = null;
  #tools = null;
  #after = h('div.after');
  #foot = h('div.foot');
  #pulse = h('div.pulse', {}, h('i'), h('i'), h('i'), h('span', {}, 'Reading the prompt'));
  #editing = false;
  #footState = '';

  constructor(chat, message) {
    this.#chat = chat;
    this.#message = message;
    this.element =
        h(`article.message.${message.role}`, {'data-id': message.id},
          h('h2.sr-only', {}, `${SPEAKERS[message.role]} said`));
    if (message.role === 'assistant')
      this.#buildAnswer();
    else
      this.element.append(this.#body(), this.#foot);
    this.update();
  }

  #body() {
    if (this.#message.role === 'tool') return resultCard(this.#message);
    return h('div.bubble', {}, this.#message.content);
  }

  #buildAnswer() {
    this.#prose = new ProseView();
    this.#thinking = new ThinkingView();
    this.#tools = new ToolCalls((call, text) => this.#chat.giveResult(this.#message, call, text));
    this.element.append(
        this.#thinking.element, this.#pulse, this.#prose.element, this.#tools.element, this.#after,
        this.#foot);
  }

  // The answer that is being written into this message, if any.
  get #answer() {
    const answer = this.#chat.answerOf();
    return answer?.message === this.#message ? answer : null;
  }

  // Brings the elements to what the message is now.
  update() {
    const message = this.#message;
    if (message.role === 'assistant') {
      const answer = this.#answer;
      const done = answer === null;
      this.element.setAttribute('aria-busy', String(!done));
      this.#thinking.update(message, answer);
      this.#prose.update(message.content, done);
      this.#prose.element.hidden = message.content === '';
      this.#tools.update(message, done ? this.#chat.current : null);
      this.#pulse.hidden = done || answer.waiting !== null || message.content !== '' ||
          message.reasoning !== '' || message.toolCalls.length > 0;
      this.#updateAfter(answer);
    }
    this.#updateFoot();
  }

  // Between chunks: clocks go on.
  tick() {
    const answer = this.#answer;
    if (answer === null) return;
    this.#thinking.update(this.#message, answer);
    if (answer.waiting) this.#updateAfter(answer);
  }

  #updateAfter(answer) {
    const message = this.#message;
    const retry = () => this.#chat.regenerate(message);
    if (answer?.waiting)
      this.#after.replaceChildren(waitingCard(answer.waiting, this.#after));
    else if (answer === null && message.state === 'failed')
      this.#after.replaceChildren(failureCard(message.error, retry));
    else
      this.#after.replaceChildren(...notice(message, answer === null));
  }

  #updateFoot() {
    const message = this.#message;
    const shown = siblings(this.#chat.current, message);
    const at = shown.indexOf(message);
    const answering = this.#chat.isAnswering();
    const state = [
      answering, message.state, shown.length, at, this.#editing, JSON.stringify(message.stats)
    ].join();
    if (state === this.#footState) return;
    this.#footState = state;
    this.#foot.replaceChildren();
    if (this.#editing || this.#answer !== null) return;
    if (shown.length > 1) this.#foot.append(this.#branches(shown, at, answering));
    const buttons =
        h('div.actions', {},
          message.content !== '' && copyButton('Copy message', () => message.content));
    if (!answering) {
      if (message.role === 'assistant') {
        buttons.append(iconButton('retry', 'Answer again', () => this.#chat.regenerate(message)));
      } else if (message.role === 'user') {
        buttons.append(iconButton('edit', 'Edit message', () => this.#edit()));
      }
      buttons.append(
          iconButton('trash', 'Delete message and what follows it', () => this.onremove(message)));
    }
    this.#foot.append(buttons);
    const stats = statsLine(message.stats);
    if (message.role === 'assistant' && stats !== '') this.#foot.append(h('span.stats', {}, stats));
  }

  onremove = () => {};

  #branches(shown, at, answering) {
    const step = (offset, name, label) => iconButton(
        name, label, () => this.#chat.switchTo(shown[at + offset]),
        {disabled: answering || shown[at + offset] === undefined});
    return h(
        'div.branches', {role: 'group', 'aria-label': 'Versions of this message'},
        step(-1, 'chevronLeft', 'Earlier version'), h('span', {}, `${at + 1} / ${shown.length}`),
        step(1, 'chevron', 'Later version'));
  }

  #edit() {
    const bubble = this.element.querySelector('.bubble');
    const close = () => {
      this.#editing = false;
      form.replaceWith(bubble);
      this.#updateFoot();
      this.#foot.querySelector('[aria-label=\'Edit message\']')?.focus();
    };
    const form = editor({
      label: 'Edit message',
      text: this.#message.content,
      send: 'Send',
      onclose: close,
      onsend: (text) => {
        close();
        this.#chat.edit(this.#message, text);
      }
    });
    this.#editing = true;
    this.#updateFoot();
    bubble.replaceWith(form);
    form.querySelector('textarea').focus();
  }
}

// What the model thought before it answered: folded, with a clock while it goes on.
class ThinkingView {
  #label = h('span.thinking-label');
  #prose = new ProseView();
  #last = null;

  constructor() {
    this.element =
        h('details.thinking', {hidden: true, ontoggle: () => this.#draw()},
          h('summary', {}, icon('bulb'), this.#label, icon('chevron')), this.#prose.element);
  }

  update(message, answer) {
    this.element.hidden = message.reasoning === '';
    if (this.element.hidden) return;
    const running = answer?.thinkingMs ?? null;
    this.element.classList.toggle('running', running !== null);
    const label = running !== null ?
        `Thinking… ${duration(running)}` :
        message.reasoningMs === undefined ?
        'Thoughts' :
        `Thought for ${message.reasoningMs < 1000 ? 'a moment' : duration(message.reasoningMs)}`;
    if (this.#label.textContent !== label) this.#label.textContent = label;
    this.#last = {text: message.reasoning, done: running === null};
    this.#draw();
  }

  // Folded thoughts cost nothing.
  #draw() {
    if (this.element.open && this.#last) this.#prose.update(this.#last.text, this.#last.done);
  }
}
