// What a conversation is: messages in a tree, of which one path is shown. Editing a message or
// asking again grows a branch; nothing said before is lost.
//
//   conversation {id, title, named, created, updated, head, settings, messages: Map(id -> message)}
//   message {id, conversation, parent, role, content, created, state, ...}
//     role       "user", "assistant", "tool"
//     state      "done", "streaming", "stopped" (by the user), "cut" (the page was closed),
//     "failed" assistant  reasoning, reasoningMs, toolCalls [{id, name, arguments}], model, finish,
//     stats, error tool       toolCall: the id of the call that this is the result of
// head is the id of the last message shown, or null. Times are milliseconds since 1970.

export const DEFAULT_SETTINGS = Object.freeze({
  system: '',
  temperature: null,
  top_p: null,
  top_k: null,
  min_p: null,
  max_tokens: null,
  seed: null,
  thinking: 'auto',
  tools: '',
});

// Numbers that the user may set: what they are called and which values make sense.
export const SAMPLING = [
  {name: 'temperature', label: 'Temperature', min: 0, max: 2, step: 0.05},
  {name: 'top_p', label: 'Top p', min: 0, max: 1, step: 0.01},
  {name: 'top_k', label: 'Top k', min: 0, max: 100000, step: 1, whole: true},
  {name: 'min_p', label: 'Min p', min: 0, max: 1, step: 0.01},
  {name: 'max_tokens', label: 'Max tokens', min: 1, max: 10000000, step: 1, whole: true},
  {name: 'seed', label: 'Seed', min: 0, max: 9007199254740991, step: 1, whole: true},
];

export const newId = () => [...crypto.getRandomValues(new Uint8Array(12))]
                               .map((byte) => byte.toString(16).padStart(2, '0'))
                               .join('');

export function createConversation(settings = DEFAULT_SETTINGS) {
  const now = Date.now();
  return {
    id: newId(),
    title: 'New chat',
    named: false,
    created: now,
    updated: now,
    head: null,
    settings: {...DEFAULT_SETTINGS, ...settings},
    messages: new Map()
  };
}

export function addMessage(conversation, fields) {
  const message = {
    id: newId(),
    conversation: conversation.id,
    parent: conversation.head,
    role: 'user',
    content: '',
    created: Date.now(),
    state: 'done',
    ...fields
  };
  if (message.role === 'assistant') {
    message.reasoning ??= '';
    message.toolCalls ??= [];
  }
  conversation.messages.set(message.id, message);
  conversation.head = message.id;
  return message;
}

// The messages shown, first to last.
export function path(conversation, head = conversation.head) {
  const messages = [];
  for (let message = conversation.messages.get(head); message;
       message = conversation.messages.get(message.parent)) {
    messages.push(message);
  }
  return messages.reverse();
}

const children =
    (conversation, parent) => [...conversation.messages.values()]
                                  .filter((message) => message.parent === parent)
                                  .sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));

// The alternatives to a message, itself included, oldest first.
export const siblings = (conversation, message) => children(conversation, message.parent);

// The end of the branch that begins with a message: always the newest child.
export function branchEnd(conversation, message) {
  let end = message;
  for (;;) {
    const next = children(conversation, end.id).at(-1);
    if (!next) return end;
    end = next;
  }
}

// Takes out a message and all that follows it, in all branches. Returns them, parents first.
export function removeSubtree(conversation, message) {
  const removed = [message];
  for (const parent of removed) removed.push(...children(conversation, parent.id));
  const gone = new Set(removed.map(({id}) => id));
  const wasShown = path(conversation).some(({id}) => gone.has(id));
  const others = siblings(conversation, message).filter((other) => other !== message);
  for (const id of gone) conversation.messages.delete(id);
  if (wasShown)
    conversation.head =
        others.length > 0 ? branchEnd(conversation, others.at(-1)).id : message.parent;
  return removed;
}

// A title out of the first words of the first message.
export function titleFrom(text) {
  const line = text.trim().split('\n', 1)[0].replace(/\s+/g, ' ');
  if (line === '') return 'New chat';
  const characters = [...line];
  return characters.length <= 60 ? line : `${characters.slice(0, 57).join('').trimEnd()}…`;
}

// The body of the request for the answer that follows `head`. Answers that came to nothing are left
// out.
export function requestBody(conversation, head, model) {
  const {settings} = conversation;
  const messages = [];
  if (settings.system.trim() !== '') messages.push({role: 'system', content: settings.system});
  for (const message of path(conversation, head)) {
    if (message.role === 'user') messages.push({role: 'user', content: message.content});
    if (message.role === 'tool') {
      messages.push({role: 'tool', tool_call_id: message.toolCall, content: message.content});
    }
    if (message.role === 'assistant' && (message.content !== '' || message.toolCalls.length > 0)) {
      const said = {role: 'assistant', content: message.content};
      if (message.toolCalls.length > 0) {
        said.tool_calls = message.toolCalls.map(
            ({id, name, arguments: text}) =>
                ({id, type: 'function', function: {name, arguments: text}}));
      }
      messages.push(said);
    }
  }
  const body = {messages};
  if (model) body.model = model;
  for (const {name} of SAMPLING) {
    if (settings[name] !== null) body[name] = settings[name];
  }
  if (settings.thinking !== 'auto')
    body.chat_template_kwargs = {enable_thinking: settings.thinking === 'on'};
  if (settings.tools.trim() !== '') body.tools = JSON.parse(settings.tools);
  return body;
}

// Why a text is no list of tools, or null when it is one (or is empty).
export function toolsError(text) {
  if (text.trim() === '') return null;
  let tools;
  try {
    tools = JSON.parse(text);
  } catch {
    return 'This is not JSON yet.';
  }
  const named = (tool) => tool?.type === 'function' && typeof tool.function?.name === 'string';
  return Array.isArray(tools) && tools.every(named) ?
      null :
      'Expected a list of {"type": "function", "function": {"name": …}}.';
}
