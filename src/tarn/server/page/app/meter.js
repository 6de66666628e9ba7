// Under the composer: how fast the answer comes, how near that is to what the machine's memory can
// deliver, and how full the context is.
import {path} from './conversation.js';
import {byId} from './dom.js';
import {count, speed} from './words.js';

const REFRESH_MS = 300;

export class Meter {
  #chat;

  constructor(chat) {
    this.#chat = chat;
    for (const type of ['thread', 'finished']) chat.addEventListener(type, () => this.#update());
    setInterval(() => chat.isAnswering() && this.#update(), REFRESH_MS);
  }

  #update() {
    const answer = this.#chat.answerOf();
    const last =
        path(this.#chat.current).findLast(({role, stats}) => role === 'assistant' && stats);
    const stats = last?.stats ?? {};
    const live = answer?.speed ?? null;
    const own = answer === null || answer.message === last;
    const rate = own && stats.speed ? speed(stats.speed) :
        live !== null               ? `≈ ${speed(live)}` :
                                      null;
    byId('meter').hidden = rate === null && stats.contextLimit === undefined;
    byId('meter-speed').textContent = rate ?? '';
    const limit = own ? stats.limitFraction : undefined;
    this.#bar(
        'limit', limit,
        limit === undefined ? '' : `${Math.round(limit * 100)}% of bandwidth limit`);
    const used = stats.contextLimit > 0 && stats.contextUsed !== undefined ?
        stats.contextUsed / stats.contextLimit :
        undefined;
    this.#bar(
        'context', used,
        used === undefined ? '' :
                             `${count(stats.contextUsed)} of ${count(stats.contextLimit)} context`);
    byId('context-bar').classList.toggle('nearly-full', used > 0.9);
  }

  #bar(name, fraction, text) {
    byId(`meter-${name}`).hidden = fraction === undefined;
    if (fraction === undefined) return;
    const percent = Math.min(100, Math.round(fraction * 100));
    const bar = byId(`${name}-bar`);
    bar.setAttribute('aria-valuenow', String(percent));
    bar.setAttribute('aria-valuetext', text);
    bar.firstElementChild.style.width = `${percent}%`;
    byId(`${name}-text`).textContent = text;
  }
}
