// One answer on its way: asks, takes the chunks into the message, waits and asks again while the
// server is busy, and keeps what came when it ends early.
import {ApiError, streamChat} from './api.js';
import {newId, requestBody} from './conversation.js';

const SAVE_EVERY_MS = 400;
const TRIES = 6;
const WAIT_S = 3;  // when a busy server does not say how long; doubled with each try

export class Answer {
  onchange = () => {};
  onsave = () => {};
  waiting = null;  // {message, until, next, cancel} while the server is busy; until: ms since 1970
  #controller = new AbortController();
  #stopped = false;
  #conversation;
  #model;
  #savedAt = 0;
  #chunks = 0;
  #firstAt = null;
  #thinkingSince = null;

  constructor(conversation, message, model) {
    this.#conversation = conversation;
    this.message = message;
    this.#model = model;
  }

  stop() {
    this.#stopped = true;
    this.#controller.abort();
    this.waiting?.cancel();
  }

  // Tokens per second so far, or null while there is nothing to tell: a chunk is about a token.
  get speed() {
    const seconds = this.#firstAt === null ? 0 : (performance.now() - this.#firstAt) / 1000;
    return this.#chunks < 4 || seconds < 0.25 ? null : (this.#chunks - 1) / seconds;
  }

  // How long the model has been thinking, or null when it does not.
  get thinkingMs() {
    return this.#thinkingSince === null ? null : performance.now() - this.#thinkingSince;
  }

  // Never rejects: the message says how it ended.
  async run() {
    const {message} = this;
    message.state = 'streaming';
    try {
      for (let attempt = 1;; attempt++) {
        try {
          await this.#ask();
          break;
        } catch (error) {
          if (error.kind !== 'busy' || attempt === TRIES) throw error;
          await this.#wait(error, error.retryAfter ?? WAIT_S * 2 ** (attempt - 1));
        }
      }
      message.state = 'done';
    } catch (error) {
      if (this.#stopped) {
        message.state = 'stopped';
      } else {
        message.state = 'failed';
        message.error = error instanceof ApiError ?
            {kind: error.kind, message: error.message} :
            {kind: 'broken', message: `The page could not handle the answer: ${error.message}`};
      }
    }
    this.#endThinking();
  }

  async #ask() {
    const {message} = this;
    const body = requestBody(this.#conversation, message.parent, this.#model);
    for await (const chunk of streamChat(body, this.#controller.signal)) {
      this.#take(chunk);
      const now = performance.now();
      if (now - this.#savedAt > SAVE_EVERY_MS) {
        this.#savedAt = now;
        this.onsave();
      }
      this.onchange();
    }
    message.state = 'done';
  }

  #take(chunk) {
    const {message} = this;
    const choice = chunk.choices?.[0];
    const delta = choice?.delta ?? {};
    const reasoning = text(delta.reasoning_content ?? delta.reasoning);
    const content = text(delta.content);
    const calls = Array.isArray(delta.tool_calls) ? delta.tool_calls : [];
    if (reasoning !== '') {
      this.#thinkingSince ??= performance.now();
      message.reasoning += reasoning;
    }
    if (content !== '' || calls.length > 0) this.#endThinking();
    message.content += content;
    for (const call of calls) this.#takeCall(call);
    if (reasoning !== '' || content !== '' || calls.length > 0) {
      this.#firstAt ??= performance.now();
      this.#chunks += 1;
    }
    if (typeof choice?.finish_reason === 'string') message.finish = choice.finish_reason;
    if (typeof chunk.model === 'string') message.model = chunk.model;
    this.#takeStats(chunk);
  }

  // A call comes in pieces: its name first, then its arguments bit by bit.
  #takeCall(piece) {
    const {toolCalls} = this.message;
    const index = Number.isInteger(piece?.index) ? piece.index : Math.max(toolCalls.length - 1, 0);
    if (index < 0 || index > 127) return;
    while (toolCalls.length <= index) toolCalls.push({id: '', name: '', arguments: ''});
    const call = toolCalls[index];
    call.id = text(piece.id) || call.id || `call_${newId()}`;
    call.name += text(piece.function?.name);
    call.arguments += text(piece.function?.arguments);
  }

  #takeStats({usage, timings}) {
    const stats = this.message.stats ?? {};
    const take = (name, value) => {
      if (Number.isFinite(value) && value >= 0) stats[name] = value;
    };
    take('promptTokens', timings?.prompt_n);
    take('promptTokens', usage?.prompt_tokens);
    take('answerTokens', timings?.predicted_n);
    take('answerTokens', usage?.completion_tokens);
    take('cachedTokens', timings?.cached_n);
    take('promptMs', timings?.prompt_ms);
    take('promptSpeed', timings?.prompt_per_second);
    take('speed', timings?.predicted_per_second);
    take('limitFraction', timings?.bandwidth_limit_fraction);
    take('contextUsed', timings?.context_used);
    take('contextLimit', timings?.context_limit);
    if (Object.keys(stats).length > 0) this.message.stats = stats;
  }

  #endThinking() {
    if (this.#thinkingSince === null) return;
    this.message.reasoningMs = (this.message.reasoningMs ?? 0) + Math.round(this.thinkingMs);
    this.#thinkingSince = null;
  }

  // Resolves when the time is over or the user does not want to wait; rejects when the user gives
  // up.
  async #wait(error, seconds) {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.waiting = {
        message: error.message,
        until: Date.now() + seconds * 1000,
        next: resolve,
        cancel: () => reject(error),
      };
      this.onchange();
      this.#controller.signal.addEventListener('abort', () => clearTimeout(timer), {once: true});
    }).finally(() => {
      this.waiting = null;
      this.onchange();
    });
  }
}

const text = (value) => (typeof value === 'string' ? value : '');
