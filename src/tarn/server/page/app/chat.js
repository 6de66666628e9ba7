// The state of the page and what can be done with it: conversations, the one shown, the answers
// under way. Knows nothing of elements; views listen:
//   "list"     a conversation came, went or changed its title or its work
//   "thread"   another conversation or branch is shown, or messages came or went
//   "message"  detail: the message that changed
//   "finished" detail: the message whose answer ended, in whatever way
import {Answer} from './answer.js';
import {addMessage, branchEnd, createConversation, DEFAULT_SETTINGS, path, removeSubtree, titleFrom} from './conversation.js';
import {remember, remembered} from './local.js';

const SETTINGS_KEY = 'tarn.settings';
const SHOWN_KEY = 'tarn.shown';

export class Chat extends EventTarget {
  conversations = new Map();
  current = createConversation();
  model = null;
  #store;
  #answers = new Map();  // id of a conversation -> Answer

  constructor(store) {
    super();
    this.#store = store;
  }

  get lasting() { return this.#store.lasting; }

  // Reads what is stored, and shows what this tab showed last.
  async start() {
    for (const conversation of await this.#store.conversations()) {
      conversation.settings = {...DEFAULT_SETTINGS, ...conversation.settings};
      this.conversations.set(conversation.id, conversation);
    }
    const shown = this.conversations.get(remembered(SHOWN_KEY, {tab: true}));
    if (shown)
      await this.show(shown);
    else
      this.newConversation();
  }

  #tell(type, detail = null) { this.dispatchEvent(new CustomEvent(type, {detail})); }

  #lastSettings() {
    try {
      return JSON.parse(remembered(SETTINGS_KEY)) ?? DEFAULT_SETTINGS;
    } catch {
      return DEFAULT_SETTINGS;
    }
  }

  // Newest first.
  sorted() { return [...this.conversations.values()].sort((a, b) => b.updated - a.updated); }

  async show(conversation) {
    if (conversation.messages.size === 0) await this.#store.loadMessages(conversation);
    for (const message of conversation.messages.values()) {
      // Nobody here is writing it: the page was closed in the middle.
      if (message.state === 'streaming' && this.#answers.get(conversation.id)?.message !== message)
        message.state = 'cut';
    }
    if (conversation.head !== null && !conversation.messages.has(conversation.head))
      conversation.head = null;
    this.current = conversation;
    remember(SHOWN_KEY, conversation.id, {tab: true});
    this.#tell('list');
    this.#tell('thread');
  }

  // A conversation is kept from its first message on.
  newConversation() {
    this.current = createConversation(this.#lastSettings());
    remember(SHOWN_KEY, null, {tab: true});
    this.#tell('list');
    this.#tell('thread');
  }

  answerOf(conversation = this.current) { return this.#answers.get(conversation.id) ?? null; }

  isAnswering(conversation = this.current) { return this.#answers.has(conversation.id); }

  // Adds what the user said and asks for an answer.
  async send(text) {
    const conversation = this.current;
    if (this.isAnswering(conversation) || text.trim() === '') return;
    this.#say(conversation, {role: 'user', content: text});
  }

  #say(conversation, fields) {
    if (!this.conversations.has(conversation.id)) {
      this.conversations.set(conversation.id, conversation);
      remember(SHOWN_KEY, conversation.id, {tab: true});
    }
    const message = addMessage(conversation, fields);
    if (!conversation.named && message.parent === null)
      conversation.title = titleFrom(message.content);
    this.#touch(conversation, [message]);
    this.#answer(conversation);
  }

  #touch(conversation, messages = []) {
    conversation.updated = Date.now();
    this.#save(this.#store.save(conversation, messages));
    this.#tell('list');
    this.#tell('thread');
  }

  #save(saving) { saving.catch((error) => this.#tell('unsaved', error)); }

  #answer(conversation) {
    const message =
        addMessage(conversation, {role: 'assistant', state: 'streaming', model: this.model});
    const answer = new Answer(conversation, message, this.model);
    this.#answers.set(conversation.id, answer);
    this.#touch(conversation, [message]);
    answer.onchange = () => this.#tell('message', message);
    answer.onsave = () => this.#keep(conversation, message);
    answer.run().finally(() => {
      this.#answers.delete(conversation.id);
      this.#keep(conversation, message);
      this.#tell('list');
      this.#tell('message', message);
      this.#tell('finished', message);
    });
  }

  // Saves an answer, unless it was deleted while it was being written.
  #keep(conversation, message) {
    if (this.conversations.get(conversation.id)?.messages.has(message.id)) {
      this.#save(this.#store.saveMessage(message));
    }
  }

  stop(conversation = this.current) { this.#answers.get(conversation.id)?.stop(); }

  // Another answer beside this one; one that came to nothing makes room for it.
  regenerate(message) {
    const conversation = this.current;
    if (this.isAnswering(conversation)) return;
    const last = branchEnd(conversation, message) === message;
    if (last && message.content === '' && message.reasoning === '' &&
        message.toolCalls.length === 0) {
      const removed = removeSubtree(conversation, message);
      this.#save(this.#store.removeMessages(conversation, removed));
    }
    conversation.head = message.parent;
    this.#answer(conversation);
  }

  // A branch beside this message of the user, with another text.
  edit(message, text) {
    const conversation = this.current;
    if (this.isAnswering(conversation) || text.trim() === '') return;
    conversation.head = message.parent;
    this.#say(conversation, {role: 'user', content: text});
  }

  // The result of a tool call; once all calls of the message have one, the model goes on.
  giveResult(message, call, text) {
    const conversation = this.current;
    if (this.isAnswering(conversation)) return;
    conversation.head = branchEnd(conversation, message).id;
    const result = addMessage(conversation, {role: 'tool', toolCall: call.id, content: text});
    this.#touch(conversation, [result]);
    const given = new Set(
        path(conversation).filter(({role}) => role === 'tool').map(({toolCall}) => toolCall));
    if (message.toolCalls.every(({id}) => given.has(id))) this.#answer(conversation);
  }

  switchTo(message) {
    const conversation = this.current;
    if (this.isAnswering(conversation)) return;
    conversation.head = branchEnd(conversation, message).id;
    this.#save(this.#store.save(conversation));
    this.#tell('thread');
  }

  // Returns a function that brings it back.
  removeMessage(message) {
    const conversation = this.current;
    if (this.isAnswering(conversation)) return null;
    const head = conversation.head;
    const removed = removeSubtree(conversation, message);
    this.#save(this.#store.removeMessages(conversation, removed));
    this.#tell('thread');
    return () => {
      for (const back of removed) conversation.messages.set(back.id, back);
      conversation.head = head;
      this.#touch(conversation, removed);
    };
  }

  rename(conversation, title) {
    conversation.title = title.trim().slice(0, 200) || conversation.title;
    conversation.named = true;
    if (this.conversations.has(conversation.id)) this.#save(this.#store.save(conversation));
    this.#tell('list');
  }

  // Returns a function that brings it back.
  async removeConversation(conversation) {
    this.stop(conversation);
    if (conversation.messages.size === 0) await this.#store.loadMessages(conversation);
    this.conversations.delete(conversation.id);
    this.#save(this.#store.removeConversation(conversation.id));
    if (this.current === conversation)
      this.newConversation();
    else
      this.#tell('list');
    return () => {
      this.conversations.set(conversation.id, conversation);
      this.#save(this.#store.save(conversation, [...conversation.messages.values()]));
      this.show(conversation);
    };
  }

  removeAll() {
    for (const conversation of this.conversations.values()) this.stop(conversation);
    this.conversations.clear();
    this.#save(this.#store.clear());
    this.newConversation();
  }

  // New settings hold for the conversation shown and for those that begin later.
  changeSettings(changes) {
    Object.assign(this.current.settings, changes);
    remember(SETTINGS_KEY, JSON.stringify(this.current.settings));
    if (this.conversations.has(this.current.id)) this.#save(this.#store.save(this.current));
    this.#tell('settings');
  }

  // The ids of the conversations with all words of `query` in their titles or messages.
  async search(query) {
    const words = query.toLowerCase().split(/\s+/).filter((word) => word !== '');
    const found = await this.#store.search(words);
    for (const {id, title, messages} of this.conversations.values()) {
      const texts = [title, ...[...messages.values()].map(({content}) => content)];
      if (texts.some((text) => words.every((word) => text.toLowerCase().includes(word))))
        found.add(id);
    }
    return found;
  }

  // All conversations with all their messages.
  async complete() {
    for (const conversation of this.conversations.values()) {
      if (conversation.messages.size === 0) await this.#store.loadMessages(conversation);
    }
    return this.sorted();
  }

  async addImported(conversations) {
    for (const conversation of conversations) {
      await this.#store.save(conversation, [...conversation.messages.values()]);
      this.conversations.set(conversation.id, conversation);
    }
    this.#tell('list');
  }

  // Before the page goes: what the answers have so far.
  saveAnswers() {
    for (const {message} of this.#answers.values()) this.#save(this.#store.saveMessage(message));
  }
}
