// The list of conversations: search, choose, rename, export, delete; a drawer where the window is
// narrow.
import {announce, byId, downloadJson, h, icon, iconButton} from './dom.js';
import {sends} from './editor.js';
import {toast} from './toast.js';
import {exportDocument} from './transfer.js';
import {age, many} from './words.js';

const NARROW = matchMedia('(max-width: 820px)');
const SEARCH_DELAY_MS = 120;

export class Sidebar {
  #chat;
  #found = null;  // ids, while there is a query
  #timer = null;
  #open = false;
  #list = byId('conversations');
  #search = byId('search');

  constructor(chat) {
    this.#chat = chat;
    chat.addEventListener('list', () => this.#render());
    byId('new-chat').addEventListener('click', () => this.newChat());
    byId('open-sidebar').addEventListener('click', () => this.#setOpen(true));
    byId('close-sidebar').addEventListener('click', () => this.#setOpen(false));
    byId('backdrop').addEventListener('click', () => this.#setOpen(false));
    NARROW.addEventListener('change', () => this.#setOpen(false, false));
    this.#search.addEventListener('input', () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#find(), SEARCH_DELAY_MS);
    });
    this.#search.addEventListener('keydown', (event) => this.#searchKey(event));
    this.#list.addEventListener('keydown', (event) => this.#listKey(event));
    this.#setOpen(false, false);
  }

  newChat() {
    this.#chat.newConversation();
    this.#setOpen(false, false);
    byId('input').focus();
  }

  focusSearch() {
    if (NARROW.matches) this.#setOpen(true);
    this.#search.focus();
    this.#search.select();
  }

  // Closes the drawer; false when it was not open.
  close() {
    if (!this.#open) return false;
    this.#setOpen(false);
    return true;
  }

  #setOpen(open, moveFocus = true) {
    this.#open = open && NARROW.matches;
    document.body.classList.toggle('drawer-open', this.#open);
    byId('backdrop').hidden = !this.#open;
    byId('sidebar').inert = NARROW.matches && !this.#open;
    byId('main').inert = this.#open;
    byId('open-sidebar').setAttribute('aria-expanded', String(this.#open));
    if (moveFocus && NARROW.matches) byId(this.#open ? 'close-sidebar' : 'open-sidebar').focus();
  }

  async #find() {
    const query = this.#search.value.trim();
    const found = query === '' ? null : await this.#chat.search(query);
    if (query !== this.#search.value.trim()) return;
    this.#found = found;
    this.#render();
    if (found !== null) announce(`${many(found.size, 'conversation', 'conversations')} found`);
  }

  #searchKey(event) {
    const first = this.#list.querySelector('.conversation');
    if (event.key === 'Escape' && this.#search.value !== '') {
      event.stopPropagation();
      this.#search.value = '';
      this.#find();
    } else if (event.key === 'ArrowDown' && first) {
      event.preventDefault();
      first.focus();
    } else if (event.key === 'Enter' && !event.isComposing) {
      event.preventDefault();
      first?.click();
    }
  }

  #listKey(event) {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (!step || !event.target.classList.contains('conversation')) return;
    event.preventDefault();
    const buttons = [...this.#list.querySelectorAll('.conversation')];
    const next = buttons[buttons.indexOf(event.target) + step];
    if (next)
      next.focus();
    else if (step < 0)
      this.#search.focus();
  }

  #render() {
    const {current} = this.#chat;
    byId('title').textContent = current.title;
    document.title = current.messages.size > 0 ? `${current.title} – Tarn` : 'Tarn';
    // A name that is being typed must not vanish because an answer ends elsewhere.
    if (this.#list.querySelector('input')) return;
    const focused =
        this.#list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    const shown = this.#chat.sorted().filter(({id}) => this.#found === null || this.#found.has(id));
    const groups = [];
    for (const conversation of shown) {
      const heading = age(conversation.updated);
      if (groups.at(-1)?.heading !== heading) groups.push({heading, items: []});
      groups.at(-1).items.push(this.#item(conversation));
    }
    this.#list.replaceChildren(...groups.map(
        ({heading, items}) => h('section', {}, h('h2', {}, heading), h('ul', {}, items))));
    if (shown.length === 0) {
      this.#list.append(
          h('p.nothing', {},
            this.#found === null ? 'Conversations will appear here.' : 'Nothing found.'));
    }
    if (focused) this.#list.querySelector(`.conversation[data-id="${focused}"]`)?.focus();
  }

  #item(conversation) {
    const answering = this.#chat.isAnswering(conversation);
    const current = conversation === this.#chat.current;
    const button =
        h('button.conversation', {
          type: 'button',
          'data-id': conversation.id,
          title: conversation.title,
          'aria-current': current ? 'true' : null,
          onclick: () => this.#choose(conversation)
        },
          h('span.conversation-title', {}, conversation.title),
          answering && h('span.working', {role: 'img', 'aria-label': 'answering'}));
    const more = iconButton(
        'more', `Actions for ${conversation.title}`, () => this.#menu(conversation, more),
        {'aria-haspopup': 'true'});
    return h('li', {}, button, more);
  }

  async #choose(conversation) {
    this.#setOpen(false, false);
    await this.#chat.show(conversation);
    byId('input').focus();
  }

  #menu(conversation, anchor) {
    const item = (name, label, action, kind = '') =>
        h(`button${kind}`, {
          type: 'button',
          onclick: () => {
            menu.hidePopover();
            action();
          }
        },
          icon(name), label);
    const menu =
        h('div.menu',
          {popover: 'auto', role: 'group', 'aria-label': `Actions for ${conversation.title}`},
          item('edit', 'Rename', () => this.#rename(conversation)),
          item('download', 'Export', () => this.#export(conversation)),
          item('trash', 'Delete', () => this.#remove(conversation), '.danger'));
    menu.addEventListener('toggle', ({newState}) => newState === 'closed' && menu.remove());
    document.body.append(menu);
    menu.showPopover();
    const place = anchor.getBoundingClientRect();
    const height = menu.offsetHeight;
    menu.style.left = `${Math.max(8, Math.min(place.left, innerWidth - menu.offsetWidth - 8))}px`;
    menu.style.top =
        `${place.bottom + height + 12 > innerHeight ? place.top - height - 4 : place.bottom + 4}px`;
    menu.querySelector('button').focus();
  }

  #rename(conversation) {
    const button = this.#list.querySelector(`.conversation[data-id="${conversation.id}"]`);
    if (!button) return;
    const input = h('input.rename', {type: 'text', 'aria-label': 'New name', maxlength: 200});
    input.value = conversation.title;
    let open = true;
    const close = (keep) => {
      if (!open) return;
      open = false;
      input.remove();
      if (keep)
        this.#chat.rename(conversation, input.value);
      else
        this.#render();
      this.#list.querySelector(`.conversation[data-id="${conversation.id}"]`)?.focus();
    };
    input.addEventListener('keydown', (event) => {
      if (sends(event))
        close(true);
      else if (event.key === 'Escape')
        close(false);
      else
        return;
      event.preventDefault();
      event.stopPropagation();
    });
    input.addEventListener('blur', () => close(true));
    button.parentElement.replaceChildren(input);
    input.focus();
    input.select();
  }

  async #export(conversation) {
    const all = await this.#chat.complete();
    const name =
        conversation.title.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').slice(0, 60) ||
        'conversation';
    downloadJson(`tarn-${name}.json`, exportDocument(all.filter(({id}) => id === conversation.id)));
  }

  async #remove(conversation) {
    const undo = await this.#chat.removeConversation(conversation);
    toast('Conversation deleted', {action: 'Undo', onaction: undo});
  }
}
