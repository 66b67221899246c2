// The request log.

import { api, query, run, session } from './api.js';
import { show } from './dialog.js';
import { copy, debounce, el, empty, plural, replace, say } from './dom.js';

const LOG_PAGE = 100; // requests that are loaded at once
const MAX_LOG = 500; // requests that stay in the page while it follows the log

export function requestsView(parameters) {
  let rows = []; // newest first
  let last = 0; // number of the newest request that was seen
  let older = null; // where the next older page begins
  let loads = 0; // how often the rows were loaded
  let isPaused = false;
  const reload = debounce(() => load().catch((error) => say(error.message, true)));
  const options = (values) => values.map(([value, text = value]) => el('option', { value }, text));
  const names = [...new Set(session.info.operations.map((operation) => operation.name))].map((name) => [name]);
  const operation = el('select', { id: 'operation', onchange: reload }, options([['', 'All operations'], ...names]));
  const status = el(
    'select',
    { id: 'status', onchange: reload },
    options([
      ['', 'All results'],
      ['error', 'Errors'],
      ['2xx'],
      ['4xx'],
      ['5xx'],
      ['401'],
      ['404'],
      ['429'],
      ['0', 'No response'],
    ]),
  );
  const connection = el('input', {
    id: 'connection',
    type: 'search',
    placeholder: 'ID, name or any text',
    oninput: reload,
  });
  connection.value = parameters.get('connection') ?? '';
  const pause = el(
    'button',
    {
      'aria-pressed': 'false',
      onclick: () => {
        isPaused = !isPaused;
        pause.setAttribute('aria-pressed', String(isPaused));
        pause.textContent = isPaused ? 'Resume' : 'Pause';
        if (!isPaused) reload();
      },
    },
    'Pause',
  );
  const more = el('button', { onclick: () => run(loadOlder) }, 'Load older requests');
  const body = el('tbody');
  const note = el('div');
  const filter = () => ({ operation: operation.value, status: status.value, connection: connection.value.trim() });

  function line(row, isNew) {
    const kind = row.status >= 200 && row.status < 300 && !row.error ? 'good' : 'bad';
    const fault = row.fault === null ? null : typeof row.fault === 'string' ? row.fault : Object.keys(row.fault)[0];
    const cell = (label, ...children) => el('td', { 'data-label': label || undefined }, children);
    const short = (label, text) => el('td', { className: 'short dim', 'data-label': label }, text);
    return el(
      'tr',
      { className: isNew ? 'new' : undefined },
      short('No.', String(row.number)),
      short(undefined, row.time.slice(11, 19)),
      cell(
        '',
        el(
          'button',
          { className: 'link', 'data-key': `request ${row.number}`, onclick: () => showRequest(row.number) },
          row.operation ?? `${row.method} ${row.path.replace(/^(\/[^/]*\/)[^/]{20,}/, '$1…')}`,
        ),
      ),
      cell(
        '',
        el('span', { className: kind }, row.status === 0 ? 'no response' : String(row.status)),
        ' ',
        row.code ?? '',
        fault && el('span', { className: 'wait small' }, ` fault: ${fault}`),
      ),
      cell('', el('span', { className: 'small' }, row.error ?? '')),
      short(undefined, `${row.took_ms} ms`),
    );
  }
  function finish() {
    more.hidden = older === null;
    const text = Object.values(filter()).some(Boolean)
      ? 'No request matches.'
      : 'No requests yet. They appear here as they arrive.';
    replace(note, rows.length === 0 ? empty(text) : '');
  }
  /** Reads a page of the log; undefined if the rows have been loaded again meanwhile. */
  async function read(parameters) {
    const before = loads;
    const page = await api('GET', `requests?${query({ ...filter(), ...parameters, limit: LOG_PAGE })}`);
    return before === loads ? page : undefined;
  }
  async function load() {
    loads += 1;
    const page = await read({ before: Number.MAX_SAFE_INTEGER });
    if (!page) return;
    ({ requests: rows, next: older, last } = page);
    replace(
      body,
      rows.map((row) => line(row)),
    );
    finish();
  }
  async function loadOlder() {
    const page = await read({ before: older });
    if (!page) return;
    rows.push(...page.requests);
    older = page.next;
    body.append(...page.requests.map((row) => line(row)));
    finish();
  }
  async function update() {
    if (isPaused) return;
    const page = await read({ since: last });
    if (!page) return;
    const isReset = rows.length > 0 && page.first > rows[0].number;
    if (page.next !== null || isReset) return load(); // Or too many at once.
    last = page.last;
    if (page.requests.length === 0) return;
    const newest = page.requests.reverse();
    body.prepend(...newest.map((row) => line(row, true)));
    rows.unshift(...newest);
    while (rows.length > MAX_LOG) {
      rows.pop();
      older = rows.at(-1).number;
      body.lastElementChild.remove();
    }
    finish();
  }
  let isLoaded = false;
  const heads = ['No.', 'Time', 'Operation', 'Result', 'Message', 'Took'].map((title) =>
    el('th', { scope: 'col' }, title),
  );
  return {
    element: el(
      'section',
      { 'aria-label': 'Requests' },
      el(
        'form',
        { className: 'row card', onsubmit: (event) => event.preventDefault() },
        el('label', { className: 'field' }, 'Operation', operation),
        el('label', { className: 'field' }, 'Result', status),
        el('label', { className: 'field' }, 'Connection', connection),
        pause,
      ),
      el(
        'div',
        { className: 'table' },
        el('table', { className: 'stack', 'aria-label': 'Requests' }, el('thead', {}, el('tr', {}, heads)), body),
      ),
      note,
      more,
    ),
    update: async () => {
      const isFirst = !isLoaded;
      isLoaded = true;
      await (isFirst ? load() : update());
    },
  };
}

async function showRequest(number) {
  const row = await api('GET', `requests/${number}`).catch((error) => say(error.message, true));
  if (!row) return;
  const pretty = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));
  const part = (title, value, bytes) => {
    if (!bytes) return null;
    const shown = value === null ? `not kept, ${bytes.toLocaleString('en')} bytes` : pretty(value);
    return el('section', {}, el('h3', {}, title), el('pre', { tabindex: '0' }, shown));
  };
  const target = row.path + (row.query ? `?${row.query}` : '');
  const facts = [
    ['Request', el('code', {}, `${row.method} ${target}`)],
    ['Time', row.time],
    ['Caller', row.caller ?? 'not authenticated'],
    ['Result', `${row.status || 'no response'} ${row.code ?? ''} ${row.error ?? ''}`],
    [
      'Request ID',
      [
        el('code', {}, row.request_id),
        ' ',
        el(
          'button',
          { className: 'icon', onclick: (event) => copy(row.request_id, event.target.previousSibling) },
          'Copy',
        ),
      ],
    ],
    ['Fault', row.fault === null ? 'none' : pretty(row.fault)],
  ];
  show(row.operation ?? 'Unknown operation', [
    el(
      'dl',
      {},
      facts.map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]),
    ),
    part('Request body', row.body, row.body_bytes),
    part('Response body', row.response, row.response_bytes),
    el(
      'details',
      {},
      el('summary', {}, plural(row.headers.length, 'request header')),
      el('pre', { tabindex: '0' }, row.headers.map(({ name, value }) => `${name}: ${value}`).join('\n')),
    ),
  ]);
}
