// What stands under an answer that did not simply end: errors, waiting, and why it is short.
import {h, icon} from './dom.js';
import {openSettings} from './settings_view.js';

const HEADINGS = {
  unreachable: 'The server cannot be reached',
  key: 'The server asks for an API key',
  busy: 'The server is busy',
  refused: 'The server could not answer',
  broken: 'The answer broke off',
};

export function failureCard(error, onretry) {
  const buttons =
      h('div.card-buttons', {},
        h('button.main-button', {type: 'button', onclick: onretry}, icon('retry'), 'Try again'));
  if (error?.kind === 'key') {
    buttons.append(
        h('button.quiet-button', {type: 'button', onclick: () => openSettings('api-key')},
          icon('key'), 'Enter a key'));
  }
  const heading = HEADINGS[error?.kind] ?? 'Something went wrong';
  return h(
      'div.card.failure', {role: 'group', 'aria-label': heading}, icon('warning'),
      h('div.card-body', {}, h('strong', {}, heading),
        h('p', {}, error?.message ?? 'This answer was not completed.'), buttons));
}

// Counts down in place: the card is built once for each wait.
export function waitingCard(waiting, place) {
  const seconds = Math.max(0, Math.ceil((waiting.until - Date.now()) / 1000));
  const line = seconds > 0 ? `Trying again in ${seconds} s` : 'Trying again…';
  const old = place.querySelector('.waiting');
  if (old?.waiting === waiting) {
    old.querySelector('.countdown').textContent = line;
    return old;
  }
  const card = h(
      'div.card.waiting', {role: 'group', 'aria-label': HEADINGS.busy}, icon('warning'),
      h('div.card-body', {}, h('strong', {}, HEADINGS.busy), h('p', {}, waiting.message),
        h('p.countdown', {}, line),
        h('div.card-buttons', {},
          h('button.main-button', {type: 'button', onclick: () => waiting.next()}, icon('retry'),
            'Try now'),
          h('button.quiet-button', {type: 'button', onclick: () => waiting.cancel()}, 'Give up'))));
  card.waiting = waiting;
  return card;
}

const ENDINGS = {
  stopped: 'You stopped this answer.',
  cut: 'The page was closed during this answer. What had come is kept.',
};

export function notice(message, done) {
  if (!done) return [];
  const text = ENDINGS[message.state] ??
      (message.finish === 'length' ?
           'The answer reached the largest number of tokens and stops here.' :
           message.state === 'done' && message.content === '' && message.toolCalls.length === 0 ?
           'The answer is empty.' :
           null);
  return text === null ? [] : [h('p.ending', {}, text)];
}
