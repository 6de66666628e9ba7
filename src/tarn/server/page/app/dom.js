// Builds elements without markup, so that no text can become any.

const SVG = 'http://www.w3.org/2000/svg';

// h("button.icon-button", {type: "button", onclick: f}, "text", child, ...): null and false
// children are skipped. A property that is a function listens; null, false and undefined attributes
// stay away.
export function h(selector, attributes = {}, ...children) {
  const [tag, ...classes] = selector.split('.');
  const element = document.createElement(tag);
  if (classes.length > 0) element.className = classes.join(' ');
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false || value === undefined) continue;
    if (typeof value === 'function')
      element.addEventListener(name.replace(/^on/, ''), value);
    else
      element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

// Strokes on a 24 by 24 grid.
const ICONS = {
  auto: ['M12 3a9 9 0 1 0 0 18z', 'M12 3a9 9 0 0 1 0 18'],
  branch: ['M6 4v16', 'M6 14c8 0 10-2 10-7', 'm12 10 4-4 4 4'],
  bulb: [
    'M9 18h6', 'M10 21h4',
    'M12 3a6 6 0 0 0-3.6 10.8c.7.6 1.1 1.3 1.1 2.2h5c0-.9.4-1.6 1.1-2.2A6 6 0 0 0 12 3z'
  ],
  check: ['m5 12.5 4.5 4.5L19 7.5'],
  chevron: ['m9 6 6 6-6 6'],
  chevronLeft: ['m15 6-6 6 6 6'],
  close: ['M6 6l12 12', 'M18 6 6 18'],
  copy: ['M9 9h10v11H9z', 'M5 15V4h10'],
  dark: ['M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z'],
  down: ['M12 5v14', 'm6 13 6 6 6-6'],
  download: ['M12 4v11', 'm7 11 5 5 5-5', 'M5 20h14'],
  edit: ['M4 20h4L19 9l-4-4L4 16z', 'm13 7 4 4'],
  key: ['M14 10a4 4 0 1 1-1.2-2.8A4 4 0 0 1 14 10z', 'M14 10h7v4', 'M18 10v3'],
  light: [
    'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z',
    'M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5'
  ],
  menu: ['M4 7h16', 'M4 12h16', 'M4 17h10'],
  more: ['M6 12h.01', 'M12 12h.01', 'M18 12h.01'],
  note: ['M6 3h9l4 4v14H6z', 'M9 12h7', 'M9 16h5'],
  plus: ['M12 5v14', 'M5 12h14'],
  retry: ['M20 11a8 8 0 1 0-2.3 6.3', 'M20 4v7h-7'],
  search: ['M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14z', 'm16.2 16.2 4.3 4.3'],
  sliders: [
    'M4 8h9', 'M19 8h1', 'M4 16h1', 'M11 16h9', 'M16 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z',
    'M8 13.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z'
  ],
  stop: ['M7.5 7.5h9v9h-9z'],
  tool: [
    'M14.5 6.5a4 4 0 0 0-5.3 5L3.5 17.2l3.3 3.3 5.7-5.7a4 4 0 0 0 5-5.3l-2.6 2.6-2.6-.4-.4-2.6z'
  ],
  trash: ['M4 7h16', 'M9 7V4h6v3', 'M6 7l1 13h10l1-13', 'M10 11v5M14 11v5'],
  up: ['M12 19V5', 'm6 11 6-6 6 6'],
  upload: ['M12 16V5', 'm7 9 5-5 5 5', 'M5 20h14'],
  warning: ['M12 4 2.8 20h18.4z', 'M12 10v4.5', 'M12 17.2v.01'],
};

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  for (const stroke of ICONS[name]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', stroke);
    svg.append(path);
  }
  return svg;
}

// A button that is only an icon: its label is what screen readers say and what hovering shows.
export function iconButton(name, label, onclick, attributes = {}) {
  return h(
      'button.icon-button',
      {type: 'button', 'aria-label': label, title: label, onclick, ...attributes}, icon(name));
}

export function setIcon(button, name) {
  button.querySelector('.icon')?.remove();
  button.prepend(icon(name));
}

// The icons that the markup names.
export function placeIcons(root = document) {
  for (const element of root.querySelectorAll('[data-icon]'))
    setIcon(element, element.dataset.icon);
}

// Puts text into the clipboard; false when the browser does not let us (no permission, or http
// from another machine, where the older way still works).
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h('textarea.sr-only', {readonly: true, 'aria-hidden': 'true'});
    area.value = text;
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    focused?.focus({preventScroll: true});
    return copied;
  }
}

// A copy button that says for a moment that it worked. `text` is a function: asked when pressed.
export function copyButton(label, text) {
  const button = iconButton('copy', label, async () => {
    const copied = await copyText(text());
    setIcon(button, copied ? 'check' : 'warning');
    announce(copied ? 'Copied' : 'The browser did not allow copying');
    setTimeout(() => setIcon(button, 'copy'), 1500);
  });
  return button;
}

// Says it to screen readers once they are done with what they say now.
export function announce(text) {
  const announcer = byId('announcer');
  // The same words again are a change only after the old ones are gone.
  announcer.textContent = '';
  requestAnimationFrame(() => {
    announcer.textContent = text;
  });
}

export function downloadJson(name, value) {
  const url =
      URL.createObjectURL(new Blob([JSON.stringify(value, null, 1)], {type: 'application/json'}));
  const link = h('a', {href: url, download: name, hidden: true});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
