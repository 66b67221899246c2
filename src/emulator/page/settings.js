// Faults and settings of the emulator.

import { api, ofProject, run, session } from './api.js';
import { ask } from './dialog.js';
import { el, onChange, plural, replace, time } from './dom.js';

const TROUBLES = [
  ['lose-answer', 'run it, drop the response'],
  ['cut-request', 'close the connection, do not run it'],
  ['cut-answer', 'run it, cut the response'],
  ['truncate-answer', 'run it, half of the JSON'],
  ['garble-answer', 'run it, text instead of JSON'],
  ['throttle', 'reject: too many requests', '200/5m'],
  ['refuse', 'reject with an error', '500,DLI.0999,busy'],
  ['fail-softly', 'reject with HTTP 200', 'busy'],
  ['delay', 'delay the response', '2s'],
  ['stale', 'read an older state', '5s'],
  ['slow-binding', 'bindings stay CREATING', '1m'],
  ['clock-skew', 'move the clock', '-20m'],
];

export function settingsView() {
  let targets = []; // names that can be bound
  const field = (label, input) => el('label', { className: 'field' }, label, input);
  const form = (submit, ...children) =>
    el(
      'form',
      {
        className: 'row',
        onsubmit: (event) => {
          event.preventDefault();
          submit(event.target);
        },
      },
      children,
    );
  const card = (title, ...children) => el('section', { className: 'card' }, el('h3', {}, title), children);
  const set = (input, value) => {
    if (document.activeElement !== input) input.value = value ?? '';
  };
  const apply = () => el('button', {}, 'Set');
  const text = (id, placeholder) => el('input', { id, placeholder, size: 8, autocomplete: 'off' });

  const now = el('output', { className: 'mono' });
  const step = (span) =>
    el(
      'button',
      {
        type: 'button',
        onclick: () => run(() => api('POST', 'clock', { advance: span }), `Time advanced by ${span}`),
      },
      `+${span}`,
    );
  const skew = text('skew', '0s');
  const [binding, connectivity, deletion, latency] = ['2s', '0s', '0s', '0s'].map((value, at) =>
    text(`delay${at}`, value),
  );
  const limit = text('limit', 'none, or 5/1s');
  const metadata = el(
    'select',
    { onchange: () => run(() => api('PUT', 'metadata', metadata.value)) },
    ['v2', 'v1', 'no-agency', 'absent'].map((name) => el('option', { value: name }, name)),
  );
  const lifetime = text('lifetime', 'as documented');

  const faults = el('ul', { className: 'plain' });
  const operation = el(
    'select',
    { id: 'fault-operation' },
    el('option', { value: '*' }, 'Every operation'),
    session.info.operations.map(({ name }) => el('option', { value: name }, name)),
  );
  const argument = text('fault-argument', 'value');
  const trouble = el(
    'select',
    {
      id: 'fault-trouble',
      onchange: () => {
        argument.value = TROUBLES.find(([name]) => name === trouble.value)[2] ?? '';
      },
    },
    TROUBLES.map(([name, help]) => el('option', { value: name }, `${name}: ${help}`)),
  );
  const times = el('input', { id: 'fault-times', type: 'number', min: '1', placeholder: 'always', value: '1' });
  const addFault = () => {
    const value = argument.value.trim();
    run(
      () =>
        api(
          'POST',
          'faults',
          `${operation.value}:${trouble.value}${value && `=${value}`}${times.value && `*${times.value}`}`,
        ),
      'Fault added',
    );
  };
  const drawFaults = onChange((list) =>
    replace(
      faults,
      list.length === 0
        ? el('li', { className: 'dim' }, 'No faults.')
        : list.map((fault) => {
            const kind =
              typeof fault.trouble === 'string'
                ? fault.trouble
                : `${Object.keys(fault.trouble)[0]} ${[Object.values(fault.trouble)[0]].flatMap((value) => (typeof value === 'object' ? Object.values(value) : value)).join(', ')}`;
            const often = fault.times === null ? 'every time' : `${plural(fault.times, 'time')} left`;
            const remove = () => run(() => api('DELETE', `faults/${fault.id}`), 'Fault removed');
            return el(
              'li',
              {},
              el('span', {}, el('code', {}, fault.operation), ` ${kind}, ${often}`),
              el(
                'button',
                {
                  className: 'icon',
                  'data-key': `fault ${fault.id}`,
                  'aria-label': `Remove the fault of ${fault.operation}`,
                  onclick: remove,
                },
                'Remove',
              ),
            );
          }),
    ),
  );

  const fates = el('ul', { className: 'plain' });
  const target = el('select', { id: 'fate-target' });
  const failure = el('input', { id: 'fate-text', placeholder: 'empty: ACTIVE', value: 'Failed to get subnet' });
  const drawFates = onChange((list) =>
    replace(
      fates,
      list.length === 0
        ? el('li', { className: 'dim' }, 'All new bindings become ACTIVE.')
        : list.map((fate) => {
            const remove = () => run(() => api('POST', 'fates', { name: fate.name, err_msg: null }));
            return el(
              'li',
              {},
              el(
                'span',
                {},
                fate.name ? el('code', {}, fate.name) : 'Next binding',
                fate.err_msg ? `: FAILED, ${fate.err_msg}` : ': ACTIVE',
              ),
              fate.name &&
                el(
                  'button',
                  {
                    className: 'icon',
                    'data-key': `fate ${fate.name}`,
                    'aria-label': `Remove the outcome of ${fate.name}`,
                    onclick: remove,
                  },
                  'Remove',
                ),
            );
          }),
    ),
  );
  const drawTargets = onChange((names) =>
    replace(
      target,
      el('option', { value: '' }, 'Next binding'),
      names.map((name) => el('option', { value: name }, name)),
    ),
  );

  const boxes = session.info.quirks.map(({ name, description }) => {
    const box = el('input', {
      type: 'checkbox',
      value: name,
      onchange: () =>
        run(() =>
          api(
            'PUT',
            'quirks',
            boxes.filter((other) => other.box.checked).map((other) => other.box.value),
          ),
        ),
    });
    return {
      box,
      element: el('label', { className: 'check' }, box, el('span', {}, name, el('small', {}, description ?? ''))),
    };
  });

  const file = el('input', {
    type: 'file',
    accept: '.json,application/json',
    hidden: true,
    onchange: () => {
      const [chosen] = file.files;
      if (chosen) run(async () => api('PUT', 'state', await chosen.text()), `Restored ${chosen.name}`);
      file.value = '';
    },
  });
  const snapshot = async () => {
    const state = await api('GET', 'state');
    const link = el('a', {
      href: URL.createObjectURL(new Blob([JSON.stringify(state)], { type: 'application/json' })),
      download: 'dli-emulator-state.json',
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const reset = () =>
    ask(
      'Reset the emulator?',
      'All projects return to their initial objects, the request log is cleared, and all settings return to those of ' +
        'the command line.',
      'Reset',
      () => run(() => api('POST', 'reset'), 'Emulator reset'),
    );

  return {
    element: el(
      'div',
      { className: 'grid' },
      card(
        'Faults',
        faults,
        form(
          addFault,
          field('Operation', operation),
          field('Fault', trouble),
          field('Value', argument),
          field('Times', times),
          el('button', { className: 'main', id: 'add-fault' }, 'Add'),
        ),
        el(
          'div',
          { className: 'bar' },
          el('button', { className: 'icon', onclick: () => run(() => api('DELETE', 'faults')) }, 'Remove all'),
        ),
      ),
      card(
        'Outcomes of new bindings',
        fates,
        form(
          () => run(() => api('POST', 'fates', { name: target.value || null, err_msg: failure.value || null })),
          field('Queue or pool', target),
          field('Error', failure),
          el('button', { className: 'main' }, 'Add'),
        ),
        el(
          'div',
          { className: 'bar' },
          el('button', { className: 'icon', onclick: () => run(() => api('DELETE', 'fates')) }, 'Remove all'),
        ),
      ),
      card(
        'State',
        el(
          'p',
          { className: 'dim small' },
          session.info.state_file ? `Kept in ${session.info.state_file}` : 'In memory only; --state FILE keeps it',
        ),
        el(
          'div',
          { className: 'bar' },
          el('button', { onclick: () => run(snapshot) }, 'Save snapshot'),
          el('button', { onclick: () => file.click() }, 'Restore…'),
          file,
          el('button', { className: 'danger', id: 'reset', onclick: reset }, 'Reset…'),
        ),
      ),
      card(
        'Clock',
        el('p', {}, now),
        el('div', { className: 'bar' }, ['1m', '10m', '1h', '1day'].map(step)),
        form(
          () => run(() => api('PUT', 'clock', { skew: skew.value || '0s' })),
          field('Difference from the correct time', skew),
          apply(),
        ),
      ),
      card(
        'Delays',
        form(
          () =>
            run(() =>
              api('PUT', 'delays', {
                binding: binding.value || '0s',
                connectivity: connectivity.value || '0s',
                delete: deletion.value || '0s',
                latency: latency.value || '0s',
              }),
            ),
          field('Binding', binding),
          field('Connectivity test', connectivity),
          field('Deletion', deletion),
          field('Each response', latency),
          apply(),
        ),
      ),
      card(
        'Request limit per user',
        form(
          () => run(() => api('PUT', 'limit', JSON.stringify(limit.value || null))),
          field('Requests and period', limit),
          apply(),
        ),
      ),
      card(
        'Quirks',
        el(
          'div',
          { className: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'Quirks' },
          boxes.map(({ element }) => element),
        ),
      ),
      card(
        'Credentials',
        form(
          () => run(() => api('PUT', 'credentials', { lifetime: lifetime.value || null })),
          field('Lifetime of new ones', lifetime),
          apply(),
        ),
        el('div', { className: 'bar' }),
        el(
          'div',
          { className: 'bar' },
          el('button', { onclick: () => run(() => api('DELETE', 'credentials'), 'Revoked') }, 'Revoke all'),
          field('Metadata service', metadata),
        ),
      ),
    ),
    isTimed: true,
    update: async () => {
      const [settings, { queues }, { elastic_resource_pools: pools }] = await Promise.all([
        api('GET', 'settings'),
        api('GET', ofProject('queues?limit=1000')),
        api('GET', ofProject('elastic-resource-pools?limit=1000')),
      ]);
      targets = [
        ...queues.filter((queue) => !queue.elastic_resource_pool_name).map((queue) => queue.queue_name),
        ...pools.map((pool) => pool.elastic_resource_pool_name),
      ];
      now.textContent = `${time(settings.clock.now)} UTC${settings.clock.advance === '0s' ? '' : `, advanced by ${settings.clock.advance}`}`;
      set(skew, settings.clock.skew);
      set(binding, settings.delays.binding);
      set(connectivity, settings.delays.connectivity);
      set(deletion, settings.delays.delete);
      set(latency, settings.delays.latency);
      set(limit, settings.limit);
      set(metadata, settings.metadata);
      set(lifetime, settings.credentials.lifetime);
      for (const { box } of boxes) box.checked = settings.quirks.includes(box.value);
      drawFaults(settings.faults);
      drawFates(settings.fates);
      drawTargets(targets);
    },
  };
}
