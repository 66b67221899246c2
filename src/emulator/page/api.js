// Calls of the control API.

import { say } from './dom.js';

/** `info` does not change while the page is open; `project` is the ID of the selected project. */
export const session = { info: undefined, project: undefined };

export const query = (values) =>
  new URLSearchParams(Object.entries(values).filter(([, value]) => value !== '' && value != null));

/** Sends a control request. An error is shown and thrown. */
export async function api(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) options.body = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`/_emulator/${path}`, options);
  const text = await response.text();
  const value = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(value?.error ?? value?.error_msg ?? `HTTP ${response.status}`);
  return value;
}

/** Runs a command of the user, and says what happened. */
export async function run(work, done) {
  try {
    await work();
    if (done) say(done);
  } catch (error) {
    say(error.message, true);
  }
  dispatchEvent(new Event('changed'));
}

export const ofProject = (path) => `projects/${encodeURIComponent(session.project)}/${path}`;

export const edit = (change) => api('POST', 'edit', { project: session.project, ...change });
