// Where the user writes.
import {byId, setIcon} from './dom.js';
import {fitHeight, sends} from './editor.js';
import {openSettings} from './settings_view.js';

const NEXT_THINKING = {
  auto: 'on',
  on: 'off',
  off: 'auto'
};

export class Composer {
  #chat;
  #input = byId('input');
  #send = byId('send');
  #drafts = new Map();  // id of a conversation -> text not sent yet
  #shown = null;

  constructor(chat) {
    this.#chat = chat;
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.#chat.isAnswering())
        this.#chat.stop();
      else
        this.#submit();
    });
    this.#input.addEventListener('keydown', (event) => {
      if (!sends(event)) return;
      event.preventDefault();
      if (!this.#chat.isAnswering()) this.#submit();
    });
    this.#input.addEventListener('input', () => this.#fit());
    byId('thinking').addEventListener('click', () => {
      chat.changeSettings({thinking: NEXT_THINKING[chat.current.settings.thinking]});
    });
    byId('system-pill').addEventListener('click', () => openSettings('system'));
    chat.addEventListener('thread', () => this.#update());
    chat.addEventListener('list', () => this.#update());
    chat.addEventListener('settings', () => this.#update());
  }

  // Puts a text there for the user to send or to change.
  suggest(text) {
    this.#input.value = text;
    this.#fit();
    this.#input.focus();
  }

  #submit() {
    const text = this.#input.value;
    if (text.trim() === '') return;
    this.#input.value = '';
    this.#fit();
    this.#chat.send(text);
  }

  #fit() {
    fitHeight(this.#input);
    this.#send.disabled = !this.#chat.isAnswering() && this.#input.value.trim() === '';
  }

  #update() {
    const {current} = this.#chat;
    if (this.#shown !== current) {
      if (this.#shown) this.#drafts.set(this.#shown.id, this.#input.value);
      this.#shown = current;
      this.#input.value = this.#drafts.get(current.id) ?? '';
    }
    const answering = this.#chat.isAnswering();
    const label = answering ? 'Stop' : 'Send';
    if (this.#send.getAttribute('aria-label') !== label || !this.#send.querySelector('.icon')) {
      setIcon(this.#send, answering ? 'stop' : 'up');
      this.#send.setAttribute('aria-label', label);
      this.#send.title = answering ? 'Stop (Esc)' : 'Send (Enter)';
      this.#send.classList.toggle('stop', answering);
    }
    const {thinking, system} = current.settings;
    byId('thinking-label').textContent = `Thinking: ${thinking}`;
    byId('thinking').classList.toggle('on', thinking === 'on');
    byId('system-pill').hidden = system.trim() === '';
    this.#fit();
  }
}
