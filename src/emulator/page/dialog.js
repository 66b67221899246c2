// The dialog, which shows one object or asks a question.

import { $, el, replace } from './dom.js';

let update; // reads the shown object again

export function show(title, body, updateBody) {
  const dialog = $('dialog');
  const close = el('button', { onclick: () => dialog.close() }, 'Close');
  replace(
    dialog,
    el('div', { className: 'head' }, el('h2', { id: 'dialog-title' }, title), close),
    el('div', { className: 'body' }, body),
  );
  update = updateBody;
  if (!dialog.open) dialog.showModal();
  close.focus();
}

/** Asks before something is lost. */
export function ask(title, text, action, work) {
  const confirm = el(
    'button',
    {
      className: 'main',
      id: 'confirm',
      onclick: () => {
        $('dialog').close();
        work();
      },
    },
    action,
  );
  show(title, [el('p', {}, text), el('div', { className: 'bar' }, confirm)]);
  confirm.focus();
}

/** Reads again what the dialog shows. */
export const updateDialog = () => ($('dialog').open ? update?.() : null);

$('dialog').addEventListener('close', () => (update = undefined));
