// Whether the server is there, and which models it has: asked at the start, again while it is not
// there, and now and then while it is.
import {listModels} from './api.js';
import {byId, h} from './dom.js';
import {remember, remembered} from './local.js';
import {openSettings} from './settings_view.js';

const STEADY_MS = 20_000;
const SHORTEST_MS = 1000;
const LONGEST_MS = 15_000;
const MODEL_KEY = 'tarn.model';

export class Connection {
  #chat;
  #timer = null;
  #failures = 0;
  #round = 0;
  #banner = byId('banner');
  #select = byId('model-select');

  constructor(chat) {
    this.#chat = chat;
    addEventListener('online', () => this.check());
    addEventListener('offline', () => this.check());
    document.addEventListener('visibilitychange', () => document.hidden || this.check());
    chat.addEventListener(
        'finished', ({detail}) => detail.error?.kind === 'unreachable' && this.check());
    this.#select.addEventListener('change', () => {
      chat.model = this.#select.value;
      remember(MODEL_KEY, chat.model);
    });
  }

  async check() {
    clearTimeout(this.#timer);
    const round = ++this.#round;
    let models = null;
    let error = null;
    try {
      models = await listModels(AbortSignal.timeout(10_000));
    } catch (reason) {
      error = reason;
    }
    if (round !== this.#round) return;
    if (error === null)
      this.#connected(models);
    else
      this.#failed(error);
    const wait =
        error === null ? STEADY_MS : Math.min(SHORTEST_MS * 2 ** this.#failures++, LONGEST_MS);
    this.#timer = setTimeout(() => document.hidden || this.check(), wait);
  }

  #connected(models) {
    this.#failures = 0;
    this.#banner.hidden = true;
    byId('model-dot').className = 'model-dot up';
    const wanted = this.#chat.model ?? remembered(MODEL_KEY);
    this.#chat.model = models.includes(wanted) ? wanted : models[0] ?? null;
    const several = models.length > 1;
    this.#select.hidden = !several;
    byId('model-name').hidden = several;
    byId('model-name').textContent = this.#chat.model ?? 'No model';
    byId('model-name').title = this.#chat.model ?? '';
    if (several &&
        [...this.#select.options].map(({value}) => value).join('\n') !== models.join('\n')) {
      this.#select.replaceChildren(...models.map((id) => h('option', {value: id}, id)));
    }
    if (several) this.#select.value = this.#chat.model;
  }

  #failed(error) {
    byId('model-dot').className = 'model-dot down';
    const words = {
      key: 'This server asks for an API key.',
      busy: `The server is not ready: ${error.message}`,
      unreachable: 'The server cannot be reached. Trying again…',
    }[error.kind] ??
        (error.name === 'TimeoutError' ? 'The server does not answer. Trying again…' :
                                         error.message);
    if (!this.#banner.hidden && this.#banner.firstChild?.textContent === words) return;
    this.#banner.hidden = false;
    this.#banner.replaceChildren(h('span', {}, words));
    this.#banner.append(
        error.kind === 'key' ?
            h('button.quiet-button', {type: 'button', onclick: () => openSettings('api-key')},
              'Enter a key') :
            h('button.quiet-button', {type: 'button', onclick: () => this.check()}, 'Try now'));
  }
}
