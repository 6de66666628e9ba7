// Conversations in IndexedDB: one record for each conversation, one for each message, so that an
// answer that grows is saved without its conversation. Where the browser has no database to give
// (some private windows), all live in memory; `lasting` tells.

const NAME = 'tarn';
const VERSION = 1;

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('conversations', {keyPath: 'id'});
      request.result.createObjectStore('messages', {keyPath: 'id'})
          .createIndex('conversation', 'conversation');
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('the database is held by another tab'));
  });
}

export async function openStore() {
  try {
    return new Store(await openDatabase());
  } catch {
    return new Store(null);
  }
}

// Records carry no Map: a conversation's messages are records of their own.
const record = ({messages, ...conversation}) => conversation;

class Store {
  #database;

  constructor(database) {
    this.#database = database;
    this.lasting = database !== null;
  }

  #transact(mode, work) {
    if (!this.#database) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(['conversations', 'messages'], mode);
      const result =
          work(transaction.objectStore('conversations'), transaction.objectStore('messages'));
      transaction.oncomplete = () => resolve(result);
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
  }

  // All conversations, each with an empty map of messages.
  async conversations() {
    const request = await this.#transact('readonly', (conversations) => conversations.getAll());
    return (request?.result ?? []).map((conversation) => ({...conversation, messages: new Map()}));
  }

  // Fills the conversation's map.
  async loadMessages(conversation) {
    const request = await this.#transact(
        'readonly', (_, messages) => messages.index('conversation').getAll(conversation.id));
    for (const message of request?.result ?? []) {
      if (!conversation.messages.has(message.id)) conversation.messages.set(message.id, message);
    }
  }

  // The ids of the conversations that have a message with all of `words` (in lower case).
  async search(words) {
    const found = new Set();
    if (!this.#database) return found;
    const cursors = this.#database.transaction('messages').objectStore('messages').openCursor();
    await new Promise((resolve, reject) => {
      cursors.onerror = () => reject(cursors.error);
      cursors.onsuccess = () => {
        const cursor = cursors.result;
        if (!cursor) return resolve();
        const {conversation, content} = cursor.value;
        if (!found.has(conversation)) {
          const text = content.toLowerCase();
          if (words.every((word) => text.includes(word))) found.add(conversation);
        }
        cursor.continue();
      };
    });
    return found;
  }

  save(conversation, messages = []) {
    return this.#transact('readwrite', (conversationStore, messageStore) => {
      conversationStore.put(record(conversation));
      for (const message of messages) messageStore.put(message);
    });
  }

  saveMessage(message) {
    return this.#transact('readwrite', (_, messages) => {
      messages.put(message);
    });
  }

  removeMessages(conversation, removed) {
    return this.#transact('readwrite', (conversations, messages) => {
      conversations.put(record(conversation));
      for (const {id} of removed) messages.delete(id);
    });
  }

  removeConversation(id) {
    return this.#transact('readwrite', (conversations, messages) => {
      conversations.delete(id);
      const cursors = messages.index('conversation').openKeyCursor(IDBKeyRange.only(id));
      cursors.onsuccess = () => {
        const cursor = cursors.result;
        if (!cursor) return;
        messages.delete(cursor.primaryKey);
        cursor.continue();
      };
    });
  }

  clear() {
    return this.#transact('readwrite', (conversations, messages) => {
      conversations.clear();
      messages.clear();
    });
  }
}
