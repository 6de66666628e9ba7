// Puts the page together.
import {Chat} from './chat.js';
import {Composer} from './composer.js';
import {Connection} from './connection.js';
import {byId, h, placeIcons} from './dom.js';
import {Meter} from './meter.js';
import {SettingsView} from './settings_view.js';
import {Sidebar} from './sidebar.js';
import {openStore} from './store.js';
import {ThreadView} from './thread_view.js';
import {toast} from './toast.js';

const STARTERS = [
  {title: 'Explain an idea', text: 'Explain why the sky is blue, in three short paragraphs.'},
  {
    title: 'Write some code',
    text: 'Write a Python function that merges overlapping intervals, with tests.'
  },
  {title: 'Plan something', text: 'Plan a weekend of hiking around a mountain lake, as a table.'},
];

placeIcons();
const chat = new Chat(await openStore());
const connection = new Connection(chat);
const sidebar = new Sidebar(chat);
const composer = new Composer(chat);
new ThreadView(chat);
new Meter(chat);
new SettingsView(chat, () => connection.check());

byId('starters')
    .append(...STARTERS.map(
        ({title, text}) =>
            h('button.starter', {type: 'button', onclick: () => composer.suggest(text)},
              h('strong', {}, title), h('span', {}, text))));

chat.addEventListener('unsaved', ({detail}) => {
  toast(
      `This browser could not save the conversation: ${detail?.message ?? 'its storage refused'}.`);
});

addEventListener('keydown', (event) => {
  const command = event.ctrlKey || event.metaKey;
  if (command && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    byId('settings').close();
    sidebar.focusSearch();
  } else if (command && event.shiftKey && event.key.toLowerCase() === 'o') {
    event.preventDefault();
    sidebar.newChat();
  } else if (
      event.key === 'Escape' && !event.defaultPrevented &&
      !document.querySelector('dialog[open], :popover-open')) {
    if (!sidebar.close() && chat.isAnswering()) chat.stop();
  }
});
addEventListener('pagehide', () => chat.saveAnswers());
document.addEventListener('visibilitychange', () => document.hidden && chat.saveAnswers());
// What this page cannot handle must not pass in silence.
addEventListener(
    'unhandledrejection',
    ({reason}) => toast(`Something went wrong in this page: ${reason?.message ?? reason}`));

await chat.start();
connection.check();
if (!chat.lasting)
  toast(
      'This browser keeps no data for this page: conversations last until the tab is closed.',
      {seconds: 15});
byId('input').focus();
