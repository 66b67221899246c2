// Queues, pools and networks of a project.

import { api, ofProject } from './api.js';
import { el, empty, pill, table } from './dom.js';
import { paged } from './lists.js';

export function queuesView() {
  const mono = (text) => el('span', { className: 'mono' }, text);
  const modes = ['shared', 'dedicated'];
  const queues = paged(
    'queue',
    async (parameters) => {
      const page = await api('GET', ofProject(`queues?${parameters}`));
      return { rows: page.queues, count: page.count };
    },
    (rows) =>
      rows.length === 0
        ? empty('No queues.')
        : table(
            'Queues',
            [
              ['Name', (row) => row.queue_name],
              ['Type', (row) => row.queue_type],
              ['CUs', (row) => String(row.cu_count), true],
              [
                'Mode',
                (row) =>
                  row.elastic_resource_pool_name
                    ? `in pool ${row.elastic_resource_pool_name}`
                    : (modes[row.resource_mode] ?? ''),
              ],
              ['Network', (row) => mono(row.cidr_in_vpc)],
              ['Owner', (row) => row.owner],
              ['Description', (row) => row.description],
            ],
            rows,
          ),
  );
  const pools = paged(
    'pool',
    async (parameters) => {
      const page = await api('GET', ofProject(`elastic-resource-pools?${parameters}`));
      return { rows: page.elastic_resource_pools, count: page.count };
    },
    (rows) =>
      rows.length === 0
        ? empty('No elastic resource pools.')
        : table(
            'Elastic resource pools',
            [
              ['Name', (row) => row.elastic_resource_pool_name],
              ['State', (row) => pill(row.status)],
              ['CUs', (row) => `${row.actual_cu} (${row.min_cu} to ${row.max_cu})`, true],
              ['Queues', (row) => row.queues.join(', ')],
              ['Network', (row) => mono(row.cidr_in_vpc)],
              ['Description', (row) => row.description],
            ],
            rows,
          ),
  );
  return {
    element: el(
      'div',
      {},
      el('h2', { className: 'bar' }, 'Queues'),
      queues.element,
      el('h2', { className: 'bar' }, 'Elastic resource pools'),
      pools.element,
    ),
    update: () => Promise.all([queues.update(), pools.update()]),
  };
}

export function networksView() {
  const mono = (text) => el('span', { className: 'mono' }, text);
  const tags = (row) =>
    Object.entries(row.tags)
      .map(([key, value]) => (value ? `${key}=${value}` : key))
      .join(', ');
  const vpc = (row) => row.vpc_name || mono(row.vpc_id);
  const list = (label, path, name, title, columns) =>
    paged(
      label,
      async (parameters) => {
        const page = await api('GET', ofProject(`${path}?${parameters}`));
        return { rows: page[name], count: page.count };
      },
      (rows) => (rows.length === 0 ? empty(`No ${label}s.`) : table(title, columns, rows)),
    );
  const vpcs = list('VPC', 'vpcs', 'vpcs', 'VPCs', [
    ['Name', (row) => row.name],
    ['ID', (row) => mono(row.id)],
    ['Networks', (row) => mono([row.cidr, ...(row.extend_cidrs ?? [])].join(', '))],
    ['Tags', tags],
    ['State', (row) => pill(row.status)],
  ]);
  const subnets = list('subnet', 'subnets', 'subnets', 'Subnets', [
    ['Name', (row) => row.name],
    ['Network ID', (row) => mono(row.id)],
    ['Network', (row) => mono([row.cidr, row.cidr_v6].filter(Boolean).join(', '))],
    ['VPC', vpc],
    ['Tags', tags],
    ['State', (row) => pill(row.status)],
  ]);
  const more = (row) => (row.subnet_count > row.subnets.length ? [`${row.subnet_count - row.subnets.length} more`] : []);
  const routeTables = list('route table', 'route-tables', 'route_tables', 'Route tables', [
    ['Name', (row) => row.name + (row.default ? ' (default)' : '')],
    ['ID', (row) => mono(row.id)],
    ['VPC', vpc],
    ['Subnets', (row) => [...row.subnets.map((subnet) => subnet.name || subnet.id), ...more(row)].join(', ')],
  ]);
  return {
    element: el(
      'section',
      { 'aria-label': 'Networks' },
      el(
        'p',
        { className: 'dim' },
        'What the emulator’s VPC service shows. DLI itself accepts every VPC and subnet.',
      ),
      el('h2', { className: 'bar' }, 'VPCs'),
      vpcs.element,
      el('h2', { className: 'bar' }, 'Subnets'),
      subnets.element,
      el('h2', { className: 'bar' }, 'Route tables'),
      routeTables.element,
    ),
    update: () => Promise.all([vpcs.update(), subnets.update(), routeTables.update()]),
  };
}
