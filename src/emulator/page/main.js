// The page of dli-emulator: navigation and live updates. It reads and changes the emulator through the control API.

import { api, session } from './api.js';
import { connectionsView } from './connections.js';
import { updateDialog } from './dialog.js';
import { $, el, onChange, plural, replace, say } from './dom.js';
import { networksView, queuesView } from './objects.js';
import { requestsView } from './requests.js';
import { settingsView } from './settings.js';
import { setupView } from './setup.js';

const VIEWS = {
  connections: connectionsView,
  queues: queuesView,
  networks: networksView,
  requests: requestsView,
  settings: settingsView,
  setup: setupView,
};

let current;

function navigate() {
  const [name, parameters = ''] = location.hash.slice(1).split('?');
  const view = VIEWS[name] ? name : 'connections';
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#${view}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  current = VIEWS[view](new URLSearchParams(parameters));
  replace($('main'), current.element);
  document.title = `${document.querySelector('nav a[aria-current]').textContent} · DLI emulator`;
  refresh();
}

let isRefreshing = false;

let isOutdated = false;

/** Reads what is shown. Changes during a refresh cause one more. */
async function refresh() {
  if (isRefreshing) {
    isOutdated = true;
    return;
  }
  isRefreshing = true;
  try {
    do {
      isOutdated = false;
      await Promise.all([showProjects(), current.update(), updateDialog()]);
    } while (isOutdated);
  } catch (error) {
    say(error.message, true);
  } finally {
    isRefreshing = false;
  }
}

const drawProjects = onChange((projects) => {
  const select = $('project');
  replace(
    select,
    projects.map(({ id, connections }) => el('option', { value: id }, connections ? `${id} (${connections})` : id)),
  );
  select.value = session.project;
});

/** Lists the projects. Until the user selects one, it is the first with connections. */
let isChosen = false;

async function showProjects() {
  const { projects } = await api('GET', 'projects');
  const isKnown = projects.some(({ id }) => id === session.project);
  if (!isKnown || (!isChosen && !projects.find(({ id }) => id === session.project).connections)) {
    const next = (projects.find(({ connections }) => connections) ?? projects[0]).id;
    if (next !== session.project) isOutdated = session.project !== undefined;
    session.project = next;
  }
  drawProjects(projects);
  $('project').value = session.project;
}

function follow() {
  const events = new EventSource('/_emulator/events');
  let requests = 0;
  const badge = (text, isOn) => {
    $('live').textContent = text;
    $('live').className = isOn ? 'badge on' : 'badge';
  };
  events.onmessage = (event) => {
    const state = JSON.parse(event.data);
    requests = state.requests;
    badge(`live, ${plural(requests, 'request')}`, true);
    if (!document.hidden) refresh();
  };
  events.onerror = () => badge('disconnected', false);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) refresh();
  });
  setInterval(() => {
    if (!document.hidden && current.isTimed) refresh();
  }, 2000);
}

$('project').addEventListener('change', (event) => {
  session.project = event.target.value;
  isChosen = true;
  navigate();
});

addEventListener('hashchange', navigate);
addEventListener('changed', refresh);

try {
  session.info = await api('GET', 'info');
  $('version').textContent = session.info.version;
  await showProjects();
  navigate();
  follow();
} catch (error) {
  say(error.message, true);
}
