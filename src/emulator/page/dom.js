// Elements of the page and texts in them.

export const $ = (id) => document.getElementById(id);

/** Creates an element. Properties that start with "on" are listeners; children are elements, texts or lists. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== 'string') element[name] = value;
    else element.setAttribute(name === 'className' ? 'class' : name, value === true ? '' : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

let messageTimer;

export function say(text, isError = false) {
  const box = $('message');
  box.textContent = text;
  box.className = isError ? 'bad' : '';
  box.hidden = false;
  clearTimeout(messageTimer);
  messageTimer = setTimeout(() => (box.hidden = true), isError ? 9000 : 2500);
}

/** Replaces the children, and keeps the focus on the element with the same data-key. */
export function replace(parent, ...children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  parent.replaceChildren(...children.flat(9));
  if (focused) parent.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

/** A function that calls `show` with a value only if the value has changed. */
export function onChange(show) {
  let last;
  return (value) => {
    const text = JSON.stringify(value);
    if (text !== last) show(value);
    last = text;
  };
}

export const time = (value) => new Date(value).toISOString().replace('T', ' ').slice(0, 19);

export const plural = (count, word) => `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;

export function debounce(work, delay = 200) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, delay);
  };
}

export async function copy(text, target) {
  try {
    await navigator.clipboard.writeText(text);
    say('Copied');
  } catch {
    getSelection().selectAllChildren(target); // Without access to the clipboard, the user copies the selection.
    say('Press Ctrl-C to copy the selection');
  }
}

const kindOf = (status) =>
  ['ACTIVE', 'AVAILABLE', 'OK'].includes(status) ? 'good' : ['CREATING', 'SCALING'].includes(status) ? 'wait' : 'bad';

export function pill(status, text = status) {
  return el('span', { className: `pill ${kindOf(status)}` }, el('span', {}, text));
}

export function bindings(rows, count = rows.length) {
  const one = (row) => {
    const label = row.status === 'ACTIVE' ? row.name : `${row.name} ${row.status}`;
    return el(
      'span',
      { title: `${row.kind.replaceAll('_', ' ')} ${row.name}: ${row.status} ${row.err_msg}` },
      pill(row.status, label),
    );
  };
  return [
    rows.map(one),
    count > rows.length ? el('span', { className: 'dim' }, `and ${count - rows.length} more`) : null,
  ];
}

/** A table that becomes cards on a narrow screen. `columns` are [title, cell, isNumber]. */
export function table(label, columns, rows, options = {}) {
  const cell =
    (row) =>
    ([title, show, isNumber]) =>
      el('td', { className: isNumber ? 'num' : undefined, 'data-label': title }, show(row));
  const line = (row) => el('tr', { className: options.isNew?.(row) ? 'new' : undefined }, columns.map(cell(row)));
  const head = columns.map(([title, , isNumber]) =>
    el('th', { scope: 'col', className: isNumber ? 'num' : undefined }, title),
  );
  return el(
    'div',
    { className: 'table' },
    el(
      'table',
      { className: 'stack', 'aria-label': label },
      el('thead', {}, el('tr', {}, head)),
      el('tbody', {}, rows.map(line)),
    ),
  );
}

export function empty(...children) {
  return el(
    'div',
    { className: 'card empty' },
    children.map((child) => el('p', {}, child)),
  );
}
