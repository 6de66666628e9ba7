// Conversations as a file, and back. A file is checked in full before anything of it is kept: what
// it says ends up in the store and in requests.
import {createConversation, DEFAULT_SETTINGS, newId, SAMPLING, toolsError} from './conversation.js';

const FORMAT = 'tarn-conversations';
const VERSION = 1;
export const LARGEST_FILE = 64 << 20;

const EXPORTED = [
  'id', 'parent', 'role', 'content', 'created', 'state', 'reasoning', 'reasoningMs', 'toolCalls',
  'toolCall', 'model', 'finish', 'stats'
];

export function exportDocument(conversations) {
  return {
    format: FORMAT,
    version: VERSION,
    exported: new Date().toISOString(),
    conversations: conversations.map(
        (conversation) => ({
          title: conversation.title,
          named: conversation.named,
          created: conversation.created,
          updated: conversation.updated,
          head: conversation.head,
          settings: conversation.settings,
          // Parents first: an import reads them in one pass.
          messages: [
            ...conversation.messages.values()
          ].sort((a, b) => a.created - b.created || depth(conversation, a) - depth(conversation, b))
                        .map(
                            (message) => Object.fromEntries(
                                EXPORTED.filter((key) => message[key] !== undefined)
                                    .map(
                                        (key) =>
                                            [key,
                                             key === 'state' && message.state === 'streaming' ?
                                                 'cut' :
                                                 message[key]]))),
        })),
  };
}

function depth(conversation, message) {
  let steps = 0;
  for (let at = message; at; at = conversation.messages.get(at.parent)) steps += 1;
  return steps;
}

// Thrown with a message for the user.
class BadFile extends Error {}

// Checks of values. Each takes (value, where) and returns the value or throws.
const fail = (where, expected) => {
  throw new BadFile(`${where}: expected ${expected}.`);
};
const text = (longest) => (value, where) =>
    (typeof value === 'string' && value.length <= longest ?
         value :
         fail(where, `text of at most ${longest} characters`));
const number = (min, max, whole = false) => (value, where) =>
    (typeof value === 'number' && value >= min && value <= max &&
             (!whole || Number.isInteger(value)) ?
         value :
         fail(where, `a ${whole ? 'whole ' : ''}number from ${min} to ${max}`));
const flag = (value, where) => (typeof value === 'boolean' ? value : fail(where, 'true or false'));
const oneOf = (...values) => (value, where) =>
    (values.includes(value) ? value : fail(where, `one of ${values.join(', ')}`));
const nullOr = (check) => (value, where) => (value === null ? null : check(value, where));
const list = (longest, check) => (value, where) => {
  if (!Array.isArray(value) || value.length > longest) fail(where, `a list of at most ${longest}`);
  return value.map((item, i) => check(item, `${where}[${i}]`));
};
const fields = (required, optional = {}) => (value, where) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(where, 'an object');
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(required, key) && !Object.hasOwn(optional, key))
      throw new BadFile(`${where}: “${key.slice(0, 40)}” is not known.`);
  }
  const result = {};
  for (const [key, check] of Object.entries(required)) {
    if (!Object.hasOwn(value, key)) throw new BadFile(`${where}: “${key}” is missing.`);
    result[key] = check(value[key], `${where}.${key}`);
  }
  for (const [key, check] of Object.entries(optional)) {
    if (Object.hasOwn(value, key)) result[key] = check(value[key], `${where}.${key}`);
  }
  return result;
};

const time = number(0, 8.64e15);
const id = (value, where) =>
    (/^[\w.-]{1,64}$/.test(value) && typeof value === 'string' ?
         value :
         fail(where, 'an id of letters and digits'));
const count = number(0, Number.MAX_SAFE_INTEGER);
const content = text(8 << 20);

const tools = (value, where) => {
  const error = toolsError(text(1 << 20)(value, where));
  return error === null ? value : fail(where, 'a list of tools');
};

const settings = fields({}, {
  system: text(1 << 20),
  thinking: oneOf('auto', 'on', 'off'),
  tools,
  ...Object.fromEntries(
      SAMPLING.map(({name, min, max, whole}) => [name, nullOr(number(min, max, whole))])),
});

const message = fields(
    {id, parent: nullOr(id), role: oneOf('user', 'assistant', 'tool'), content, created: time}, {
      state: oneOf('done', 'stopped', 'cut', 'failed'),
      reasoning: content,
      reasoningMs: count,
      toolCalls: list(128, fields({id: text(200), name: text(200), arguments: text(1 << 20)})),
      toolCall: text(200),
      model: nullOr(text(500)),
      finish: text(100),
      stats: fields({}, Object.fromEntries([
        'promptTokens', 'cachedTokens', 'promptMs', 'promptSpeed', 'answerTokens', 'speed',
        'limitFraction', 'contextUsed', 'contextLimit'
      ].map((name) => [name, count]))),
    });

const file = fields(
    {
      format: oneOf(FORMAT),
      version: oneOf(VERSION),
      conversations: list(
          100_000,
          fields(
              {
                title: text(500),
                created: time,
                updated: time,
                head: nullOr(id),
                messages: list(100_000, message)
              },
              {named: flag, settings})),
    },
    {exported: text(40)});

// The conversations of a file, under ids of their own, so that nothing that exists is written over.
// Throws an error whose message says what is wrong, and where.
export function importDocument(textOfFile) {
  let value;
  try {
    value = JSON.parse(textOfFile);
  } catch {
    throw new BadFile('This file is not JSON.');
  }
  if (value?.format !== FORMAT) throw new BadFile('This file holds no conversations of Tarn.');
  return file(value, 'file')
      .conversations.map((source, i) => assemble(source, `file.conversations[${i}]`));
}

function assemble({messages, head, settings: chosen, ...rest}, where) {
  const conversation = {
    ...createConversation({...DEFAULT_SETTINGS, ...chosen}),
    named: true,
    ...rest
  };
  const ids = new Map();
  messages.forEach((source, i) => {
    const at = `${where}.messages[${i}]`;
    if (ids.has(source.id)) throw new BadFile(`${at}.id: another message has it.`);
    // What comes before cannot come after: this also rules out circles.
    if (source.parent !== null && !ids.has(source.parent))
      throw new BadFile(`${at}.parent: no message before this one has that id.`);
    ids.set(source.id, newId());
    const result = {
      state: 'done',
      ...source,
      id: ids.get(source.id),
      conversation: conversation.id,
      parent: ids.get(source.parent) ?? null
    };
    if (result.role === 'assistant') {
      result.reasoning ??= '';
      result.toolCalls ??= [];
    }
    conversation.messages.set(result.id, result);
  });
  if (head !== null && !ids.has(head)) throw new BadFile(`${where}.head: no message has that id.`);
  conversation.head = head === null ? null : ids.get(head);
  return conversation;
}
