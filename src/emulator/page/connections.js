// The connections of a project.

import { api, edit, ofProject, run } from './api.js';
import { ask, show } from './dialog.js';
import { $, bindings, el, empty, onChange, pill, plural, replace, say, table, time } from './dom.js';
import { paged } from './lists.js';

export function connectionsView() {
  let known;
  const columns = [
    [
      'Name',
      (row) =>
        el('button', { className: 'link', 'data-key': row.id, onclick: () => showConnection(row.id) }, row.name),
    ],
    [
      'State',
      (row) => [
        pill(row.status),
        row.is_lent ? el('span', { className: 'dim small' }, 'shared by another project') : null,
      ],
    ],
    ['Bindings', (row) => bindings(row.bindings, row.binding_count)],
    ['Hosts', (row) => row.host_count.toLocaleString('en'), true],
    ['Routes', (row) => row.route_count.toLocaleString('en'), true],
    ['Tags', (row) => String(row.tag_count), true],
    ['Shared', (row) => (row.shared_count ? `with ${plural(row.shared_count, 'project')}` : '')],
    ['VPC', (row) => el('span', { className: 'mono dim' }, row.dest_vpc_id)],
  ];
  const list = paged(
    'connection',
    async (parameters) => {
      const { connections, count } = await api('GET', ofProject(`connections?${parameters}`));
      return { rows: connections, count };
    },
    (rows, { isSearch }) => {
      const seen = known;
      known = new Set(rows.map((row) => row.id));
      if (rows.length) return table('Connections', columns, rows, { isNew: (row) => seen && !seen.has(row.id) });
      if (isSearch) return empty('No connection matches.');
      return empty(
        'No connections yet.',
        'Copy the provider block under “Setup” into a configuration and run terraform apply. The connection appears here.',
      );
    },
  );
  return {
    element: el('section', { 'aria-label': 'Connections' }, list.element),
    // Bindings settle as time passes, which no event announces.
    update: list.update,
    isTimed: true,
  };
}

async function showConnection(id) {
  const base = ofProject(`connections/${encodeURIComponent(id)}`);
  const facts = el('div');
  const part = (title, list) => el('section', {}, el('h3', {}, title), list.element);
  const load = (name) => async (parameters) => {
    const page = await api('GET', `${base}/${name}?${parameters}`);
    return { rows: page[name], count: page.count };
  };
  const routes = paged('route', load('routes'), (rows) =>
    rows.length === 0
      ? ''
      : table(
          'Routes',
          [
            ['Name', (row) => row.name],
            ['Network', (row) => el('span', { className: 'mono' }, row.cidr)],
            ['Added', (row) => time(row.create_time)],
          ],
          rows,
        ),
  );
  const hosts = paged('host', load('hosts'), (rows) =>
    rows.length === 0
      ? ''
      : table(
          'Hosts',
          [
            ['Name', (row) => el('span', { className: 'mono' }, row.name)],
            ['Address', (row) => el('span', { className: 'mono' }, row.ip)],
          ],
          rows,
        ),
  );
  const settle = (row, err_msg) => run(() => edit({ settle_binding: { connection: id, name: row.name, err_msg } }));
  const bindingColumns = [
    ['Name', (row) => row.name],
    ['Kind', (row) => row.kind.replaceAll('_', ' ')],
    ['State', (row) => pill(row.status)],
    ['Error', (row) => row.err_msg],
    [
      'Change',
      (row) => [
        row.status !== 'ACTIVE' &&
          el(
            'button',
            { className: 'icon', 'data-key': `a ${row.name}`, onclick: () => settle(row, null) },
            'Make ACTIVE',
          ),
        ' ',
        row.status !== 'FAILED' &&
          el(
            'button',
            { className: 'icon', 'data-key': `f ${row.name}`, onclick: () => settle(row, 'Failed to get subnet') },
            'Make FAILED',
          ),
      ],
    ],
  ];
  const draw = onChange((row) =>
    replace(
      facts,
      el(
        'dl',
        {},
        ...[
          ['State', pill(row.status)],
          ['ID', el('code', {}, row.id)],
          ['VPC', el('code', {}, row.dest_vpc_id)],
          ['Subnet (network ID)', el('code', {}, row.dest_network_id)],
          [
            'Route table',
            row.routetable_id ? el('code', {}, row.routetable_id) : el('span', { className: 'dim' }, 'not given'),
          ],
          ['Created', time(row.create_time)],
          ['IPv6', row.ipv6_enable ? 'yes' : 'no'],
          [
            'Tags',
            Object.keys(row.tags).length
              ? el(
                  'ul',
                  { className: 'plain' },
                  Object.entries(row.tags).map(([key, value]) => el('li', {}, el('code', {}, `${key} = ${value}`))),
                )
              : el('span', { className: 'dim' }, 'none'),
          ],
          [
            'Shared with',
            row.shared_with.length
              ? el(
                  'ul',
                  { className: 'plain' },
                  row.shared_with.map((shared) =>
                    el('li', {}, el('code', {}, shared.project), bindings(shared.bindings)),
                  ),
                )
              : el('span', { className: 'dim' }, 'no other project'),
          ],
        ].map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]),
      ),
      el('h3', { className: 'bar' }, plural(row.bindings.length, 'binding')),
      row.bindings.length ? table('Bindings', bindingColumns, row.bindings) : '',
      el(
        'div',
        { className: 'bar' },
        el(
          'a',
          { href: `#requests?connection=${encodeURIComponent(row.id)}`, onclick: () => $('dialog').close() },
          'Requests of this connection',
        ),
        el('span', { className: 'grow' }),
        row.status === 'ACTIVE' &&
          el(
            'button',
            {
              className: 'danger',
              onclick: () =>
                ask(
                  'Delete the connection?',
                  `This deletes ${row.name} outside of Terraform, like a user of the console.`,
                  'Delete',
                  () => run(() => edit({ delete_connection: row.id }), `Deleted ${row.name}`),
                ),
            },
            'Delete…',
          ),
      ),
    ),
  );
  const update = async () => {
    draw(await api('GET', base));
    await Promise.all([routes.update(), hosts.update()]);
  };
  try {
    const { name } = await api('GET', base);
    show(`Connection ${name}`, [facts, part('Routes', routes), part('Hosts', hosts)], update);
    await update();
  } catch (error) {
    say(error.message, true);
  }
}
