// Lists in pages.

import { query } from './api.js';
import { debounce, el, onChange, plural, replace, say } from './dom.js';

const PAGE = 50; // rows of a page

/** A list in pages with a search field. `load` returns {rows, count}, `show` the elements of a page. */
export function paged(label, load, show) {
  let offset = 0;
  const search = el('input', {
    type: 'search',
    placeholder: 'Search',
    'aria-label': `Search ${label}`,
    oninput: debounce(() => go(0)),
  });
  const count = el('span', { className: 'dim small', role: 'status' });
  const step = (text, title, delta) =>
    el('button', { className: 'icon', 'aria-label': title, title, onclick: () => go(offset + delta * PAGE) }, text);
  const [previous, next] = [step('‹', `Previous ${label}`, -1), step('›', `Next ${label}`, 1)];
  const body = el('div');
  const draw = onChange(({ rows, total, text }) => {
    replace(body, show(rows, { isSearch: text !== '' }));
    const [first, last] = [offset + 1, offset + rows.length];
    count.textContent =
      total > PAGE
        ? `${first.toLocaleString('en')}–${last.toLocaleString('en')} of ${plural(total, label)}`
        : plural(total, label);
    previous.disabled = offset === 0;
    next.disabled = last >= total;
    previous.hidden = next.hidden = total <= PAGE;
    search.hidden = total === 0 && text === '';
  });
  async function update() {
    const [text, from] = [search.value.trim(), offset];
    const { rows, count: total } = await load(query({ q: text, offset, limit: PAGE }));
    if (text !== search.value.trim() || from !== offset) return; // A newer page is on its way.
    if (rows.length === 0 && offset > 0) return go(0);
    draw({ rows, total, text });
  }
  function go(to) {
    offset = Math.max(0, to);
    return update().catch((error) => say(error.message, true));
  }
  return {
    element: el(
      'div',
      {},
      el('div', { className: 'bar' }, search, count, el('span', { className: 'grow' }), previous, next),
      body,
    ),
    update,
  };
}
