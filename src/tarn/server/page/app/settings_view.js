// The dialog of settings: how answers are made, how the page looks, the API key, and the user's
// data.
import {DEFAULT_SETTINGS, SAMPLING, toolsError} from './conversation.js';
import {byId, downloadJson, h, icon, setIcon} from './dom.js';
import {apiKey, keepsApiKey, setApiKey} from './local.js';
import {chooseTheme, currentTheme, THEMES} from './theme.js';
import {toast} from './toast.js';
import {exportDocument, importDocument, LARGEST_FILE} from './transfer.js';
import {many} from './words.js';

const THEME_NAMES = {
  auto: 'System',
  light: 'Light',
  dark: 'Dark'
};

// Opens the dialog, at the field with that id if one is named.
export function openSettings(id = null) {
  const dialog = byId('settings');
  if (!dialog.open) dialog.showModal();
  byId(id ?? 'close-settings').focus();
  if (id) byId(id).scrollIntoView({block: 'center'});
}

export class SettingsView {
  #chat;
  #onkey;
  #dialog = byId('settings');

  // onkey: called when the API key changed.
  constructor(chat, onkey) {
    this.#chat = chat;
    this.#onkey = onkey;
    byId('open-settings').addEventListener('click', () => openSettings());
    byId('close-settings').addEventListener('click', () => this.#dialog.close());
    // The dialog's own area is its children's: a click on the dialog itself is one beside it.
    this.#dialog.addEventListener(
        'click', (event) => event.target === this.#dialog && this.#dialog.close());
    this.#buildAnswers();
    this.#buildThemes();
    this.#buildConnection();
    this.#buildData();
    for (const type of ['thread', 'settings']) chat.addEventListener(type, () => this.#fill());
  }

  #buildAnswers() {
    byId('system').addEventListener(
        'change', ({target}) => this.#chat.changeSettings({system: target.value}));
    byId('sampling')
        .append(...SAMPLING.map((field) => this.#numberField(field)), this.#thinkingField());
    byId('tools').addEventListener('change', ({target}) => {
      const error = toolsError(target.value);
      byId('tools-error').textContent = error ?? '';
      target.setAttribute('aria-invalid', String(error !== null));
      if (error === null) this.#chat.changeSettings({tools: target.value});
    });
    byId('reset-settings').addEventListener('click', () => {
      this.#chat.changeSettings({...DEFAULT_SETTINGS, system: this.#chat.current.settings.system});
    });
  }

  #numberField({name, label, min, max, step, whole}) {
    const error = h('span.field-error', {id: `${name}-error`, role: 'alert'});
    const input = h('input', {
      id: `set-${name}`,
      type: 'number',
      min,
      max,
      step,
      placeholder: 'default',
      inputmode: whole ? 'numeric' : 'decimal',
      'aria-describedby': error.id
    });
    input.addEventListener('change', () => {
      const value = input.value === '' ? null : Number(input.value);
      const wrong = input.validity.badInput ||
          (value !== null && (value < min || value > max || (whole && !Number.isInteger(value))));
      error.textContent =
          wrong ? `${whole ? 'A whole number' : 'A number'} from ${min} to ${max}` : '';
      input.setAttribute('aria-invalid', String(wrong));
      if (!wrong) this.#chat.changeSettings({[name]: value});
    });
    return h('label.field', {for: input.id
    }, h('span', {}, label), input, error);
  }

  #thinkingField() {
    const select =
        h('select', {id: 'set-thinking'}, h('option', {value: 'auto'}, 'Model’s default'),
          h('option', {value: 'on'}, 'On'), h('option', {value: 'off'}, 'Off'));
    select.addEventListener('change', () => this.#chat.changeSettings({thinking: select.value}));
    return h('label.field', {for: select.id
    }, h('span', {}, 'Thinking'), select);
  }

  // Brings the fields to the settings of the conversation shown.
  #fill() {
    const {settings} = this.#chat.current;
    byId('system').value = settings.system;
    byId('tools').value = settings.tools;
    byId('set-thinking').value = settings.thinking;
    for (const {name} of SAMPLING) byId(`set-${name}`).value = settings[name] ?? '';
    for (const element of this.#dialog.querySelectorAll('.field-error')) element.textContent = '';
    for (const element of this.#dialog.querySelectorAll('[aria-invalid]'))
      element.removeAttribute('aria-invalid');
  }

  #buildThemes() {
    const show = () => {
      const now = currentTheme();
      for (const input of byId('theme-choice').querySelectorAll('input'))
        input.checked = input.value === now;
      const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
      setIcon(byId('theme'), now);
      const label = `Colours: ${THEME_NAMES[now]}. Change to ${THEME_NAMES[next]}`;
      byId('theme').setAttribute('aria-label', label);
      byId('theme').title = label;
    };
    byId('theme-choice')
        .append(...THEMES.map(
            (theme) =>
                h('label', {}, h('input', {
                    type: 'radio',
                    name: 'theme',
                    value: theme,
                    onchange: () => {
                      chooseTheme(theme);
                      show();
                    }
                  }),
                  h('span', {}, icon(theme), THEME_NAMES[theme]))));
    byId('theme').addEventListener('click', () => {
      chooseTheme(THEMES[(THEMES.indexOf(currentTheme()) + 1) % THEMES.length]);
      show();
    });
    show();
  }

  #buildConnection() {
    const change = () => {
      setApiKey(byId('api-key').value.trim(), byId('keep-key').checked);
      this.#onkey();
    };
    byId('connection').addEventListener('submit', (event) => event.preventDefault());
    byId('api-key').value = apiKey();
    byId('keep-key').checked = keepsApiKey();
    byId('api-key').addEventListener('change', change);
    byId('keep-key').addEventListener('change', change);
  }

  #buildData() {
    byId('export-all').addEventListener('click', async () => {
      downloadJson('tarn-conversations.json', exportDocument(await this.#chat.complete()));
    });
    byId('import').addEventListener('click', () => byId('import-file').click());
    byId('import-file').addEventListener('change', () => this.#import());
    byId('delete-all').addEventListener('click', ({currentTarget}) => {
      // The second press within some seconds does it.
      if (currentTarget.classList.contains('sure')) {
        this.#chat.removeAll();
        toast('All conversations deleted');
        currentTarget.classList.remove('sure');
        currentTarget.lastChild.textContent = 'Delete all';
      } else {
        currentTarget.classList.add('sure');
        currentTarget.lastChild.textContent = 'Really delete all?';
        setTimeout(() => {
          currentTarget.classList.remove('sure');
          currentTarget.lastChild.textContent = 'Delete all';
        }, 5000);
      }
    });
  }

  async #import() {
    const input = byId('import-file');
    const [file] = input.files;
    if (!file) return;
    const result = byId('import-result');
    try {
      if (file.size > LARGEST_FILE)
        throw new Error(`The file is larger than ${LARGEST_FILE >> 20} MB.`);
      const conversations = importDocument(await file.text());
      await this.#chat.addImported(conversations);
      result.className = 'import-result';
      result.textContent =
          `${many(conversations.length, 'conversation', 'conversations')} imported.`;
    } catch (error) {
      result.className = 'import-result bad';
      result.textContent = `Nothing was imported. ${error.message}`;
    }
    input.value = '';
  }
}
