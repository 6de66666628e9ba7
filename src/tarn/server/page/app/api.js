// The server's OpenAI API, as far as this page speaks it.
import {apiKey} from './local.js';
import {readEvents} from './sse.js';

const LONGEST_WAIT_S = 300;

// What went wrong with a request. kind: "unreachable", "key", "busy", "refused" (by the server, for
// a reason that its message gives), "broken" (the answer ended early or made no sense).
export class ApiError extends Error {
  constructor(kind, message, {status = null, retryAfter = null} = {}) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.retryAfter = retryAfter;  // seconds, when the server says when to come back
  }
}

async function request(path, options) {
  const headers = {...options.headers};
  const key = apiKey();
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(
        new URL(`v1/${path}`, document.baseURI), {...options, headers, credentials: 'same-origin'});
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError('unreachable', 'The server cannot be reached. Is it still running?');
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  const {status} = response;
  const message = errorMessage(await response.json().catch(() => null)) ??
      `The server answered with status ${status}.`;
  if (status === 401 || status === 403) return new ApiError('key', message, {status});
  if (status === 429 || status === 503) {
    return new ApiError(
        'busy', message, {status, retryAfter: retryAfter(response.headers.get('Retry-After'))});
  }
  return new ApiError('refused', message, {status});
}

function errorMessage(body) {
  const message = body?.error?.message ?? body?.message ??
      (typeof body?.error === 'string' ? body.error : null);
  return typeof message === 'string' && message !== '' ? message.slice(0, 2000) : null;
}

// Seconds or a date; null when the header is absent or is neither.
export function retryAfter(header, now = Date.now()) {
  if (header === null) return null;
  const text = header.trim();
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(Math.ceil(seconds), 0), LONGEST_WAIT_S) :
                                    null;
}

// The ids of the models that the server offers.
export async function listModels(signal) {
  const response = await request('models', {signal});
  const body = await response.json().catch(() => null);
  if (!Array.isArray(body?.data))
    throw new ApiError('broken', 'The server’s list of models makes no sense.');
  return body.data.map((model) => model?.id).filter((id) => typeof id === 'string');
}

// Yields the chunks of an answer. Ends without error only when the server said that it was done.
export async function* streamChat(body, signal) {
  const response = await request('chat/completions', {
    method: 'POST',
    headers: {'Content-Type': 'application/json', Accept: 'text/event-stream'},
    body: JSON.stringify({...body, stream: true, stream_options: {include_usage: true}}),
    signal,
  });
  let finished = false;
  try {
    for await (const {event, data} of readEvents(response.body)) {
      if (data === '[DONE]') return;
      let chunk;
      try {
        chunk = JSON.parse(data);
      } catch {
        throw new ApiError('broken', 'The server sent something that is not JSON.');
      }
      if (event === 'error' || chunk?.error) {
        throw new ApiError('refused', errorMessage(chunk) ?? 'The server gave up on this answer.');
      }
      if (chunk?.choices?.[0]?.finish_reason) finished = true;
      yield chunk;
    }
  } catch (error) {
    if (error instanceof ApiError || error.name === 'AbortError') throw error;
    throw new ApiError('broken', 'The connection broke before the answer was complete.');
  }
  if (!finished) throw new ApiError('broken', 'The answer ended before it was complete.');
}
