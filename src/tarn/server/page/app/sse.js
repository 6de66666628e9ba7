// Server-sent events out of a byte stream, as the HTML standard defines them.

// One event must fit into memory many times over; a line without end must not.
const LONGEST_EVENT = 8 << 20;

// Yields {event, data} for each event that carries data. Bytes may be cut anywhere, also within a
// character; comments (": keep-alive") and fields we do not know are passed over.
export async function* readEvents(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let event = '';
  let data = null;
  let afterReturn = false;
  try {
    for (;;) {
      const {value, done} = await reader.read();
      let text = rest + (done ? decoder.decode() : decoder.decode(value, {stream: true}));
      // A line feed that belongs to the carriage return which ended the text before.
      if (afterReturn && text.startsWith('\n')) text = text.slice(1);
      if (text !== '') afterReturn = false;
      let start = 0;
      for (;;) {
        const end = nextLineEnd(text, start);
        if (end < 0) break;
        const line = text.slice(start, end);
        start = end + 1;
        if (text[end] === '\r') {
          if (text[start] === '\n')
            start += 1;
          else if (start === text.length)
            afterReturn = true;
        }
        if (line === '') {
          if (data !== null) yield {event: event || 'message', data};
          event = '';
          data = null;
          continue;
        }
        const {field, content} = parseLine(line);
        if (field === 'event')
          event = content;
        else if (field === 'data')
          data = data === null ? content : `${data}\n${content}`;
      }
      rest = text.slice(start);
      if (rest.length + (data?.length ?? 0) > LONGEST_EVENT)
        throw new Error('an event is too long');
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function nextLineEnd(text, start) {
  const feed = text.indexOf('\n', start);
  const carriage = text.indexOf('\r', start);
  return feed < 0 ? carriage : carriage < 0 ? feed : Math.min(feed, carriage);
}

function parseLine(line) {
  const colon = line.indexOf(':');
  if (colon < 0) return {field: line, content: ''};
  const content = line.slice(colon + 1);
  return {
    field: line.slice(0, colon),
    content: content.startsWith(' ') ? content.slice(1) : content
  };
}
