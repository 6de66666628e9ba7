// The messages shown, first to last, and the place that the reader looks at: the end is followed
// while the reader is there.
import {path} from './conversation.js';
import {announce, byId} from './dom.js';
import {MessageView} from './message_view.js';
import {toast} from './toast.js';

const NEAR_END_PX = 60;
const LEAP_PX = 200;
const HAND_MS = 500;
const TICK_MS = 250;
// After a frame that took n ms, n * REST ms belong to the user.
const REST = 3;
const LONGEST_ANNOUNCED = 600;

export class ThreadView {
  #chat;
  #views = new Map();  // id of a message -> its view
  #dirty = new Set();
  #frame = null;
  #quietUntil = 0;
  #following = true;
  #placedTop = 0;
  #touchedAt = -Infinity;
  #shown = null;
  #scroller = byId('scroller');
  #thread = byId('thread');
  #jump = byId('jump');

  constructor(chat) {
    this.#chat = chat;
    chat.addEventListener('thread', () => this.#render());
    chat.addEventListener('message', ({detail}) => this.#mark(detail));
    chat.addEventListener('finished', ({detail}) => this.#finish(detail));
    this.#scroller.addEventListener('scroll', () => this.#noteScroll(), {passive: true});
    for (const type of ['wheel', 'touchmove', 'pointerdown', 'keydown']) {
      this.#scroller.addEventListener(type, () => {
        this.#touchedAt = performance.now();
      }, {passive: true});
    }
    new ResizeObserver(() => this.#follow()).observe(this.#thread);
    new ResizeObserver(() => this.#follow()).observe(this.#scroller);
    this.#jump.addEventListener('click', () => {
      this.#following = true;
      this.#follow();
      byId('input').focus();
    });
    setInterval(() => {
      const answer = chat.answerOf();
      if (answer) this.#views.get(answer.message.id)?.tick();
    }, TICK_MS);
  }

  #render() {
    const conversation = this.#chat.current;
    const messages = path(conversation);
    if (this.#shown !== conversation) {
      this.#views.clear();
      this.#shown = conversation;
      this.#following = true;
    }
    // Something new was said here: its end is what one wants to see.
    if (messages.length > 0 && !this.#views.has(messages.at(-1).id)) this.#following = true;
    const views = messages.map((message) => {
      let view = this.#views.get(message.id);
      if (!view) {
        view = new MessageView(this.#chat, message);
        view.onremove = () => this.#remove(message);
        this.#views.set(message.id, view);
      } else {
        view.update();
      }
      return view;
    });
    const elements = views.map(({element}) => element);
    elements.forEach((element, i) => {
      if (this.#thread.children[i] !== element)
        this.#thread.insertBefore(element, this.#thread.children[i] ?? null);
    });
    while (this.#thread.children.length > elements.length) this.#thread.lastChild.remove();
    byId('welcome').hidden = messages.length > 0;
    this.#thread.hidden = messages.length === 0;
    this.#follow();
    this.#noteScroll();
  }

  #remove(message) {
    const undo = this.#chat.removeMessage(message);
    if (!undo) return;
    byId('input').focus();
    toast('Message deleted', {action: 'Undo', onaction: undo});
  }

  #mark(message) {
    this.#dirty.add(message.id);
    this.#frame ??= requestAnimationFrame((now) => this.#draw(now));
  }

  #draw(now) {
    if (now < this.#quietUntil) {
      this.#frame = requestAnimationFrame((later) => this.#draw(later));
      return;
    }
    this.#frame = null;
    for (const id of this.#dirty) this.#views.get(id)?.update();
    this.#dirty.clear();
    this.#quietUntil = performance.now() + (performance.now() - now) * REST;
  }

  #finish(message) {
    if (message.conversation !== this.#chat.current.id) return;
    // A hidden tab draws no frames.
    this.#views.get(message.id)?.update();
    for (const view of this.#views.values()) view.update();
    const text = message.content.replace(/\s+/g, ' ').trim();
    const short = text.length > LONGEST_ANNOUNCED ? `${text.slice(0, LONGEST_ANNOUNCED)}…` : text;
    announce(
        {
          failed: `The answer failed. ${message.error?.message ?? ''}`,
          stopped: 'Answer stopped.',
        }[message.state] ??
        `Answer finished. ${short}`);
  }

  #noteScroll() {
    const {scrollTop, scrollHeight, clientHeight} = this.#scroller;
    // Text that changes its height moves the view as well, by little: that is no wish to stay
    // behind. A hand on the wheel or the screen is, and so is a leap, of whatever made it.
    const byHand = performance.now() - this.#touchedAt < HAND_MS;
    if (scrollHeight - scrollTop - clientHeight < NEAR_END_PX)
      this.#following = true;
    else if (byHand || this.#placedTop - scrollTop > LEAP_PX)
      this.#following = false;
    this.#jump.hidden = this.#following;
  }

  #follow() {
    if (!this.#following) return;
    // The greeting is read from its top.
    this.#scroller.scrollTop = this.#thread.hidden ? 0 : this.#scroller.scrollHeight;
    this.#placedTop = this.#scroller.scrollTop;
  }
}
