// Queues, pools and networks of a project.

import { api, ofProject } from './api.js';
import { el, empty, onChange, pill, replace, table } from './dom.js';
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
  const body = el('div');
  const mono = (text) => el('span', { className: 'mono' }, text);
  const draw = onChange(({ vpcs, subnets, route_tables }) =>
    replace(
      body,
      el(
        'p',
        { className: 'dim' },
        'What the emulator’s VPC service shows. DLI itself accepts every VPC and subnet.',
      ),
      el('h2', { className: 'bar' }, 'VPCs'),
      vpcs.length === 0
        ? empty('No VPCs.')
        : table(
            'VPCs',
            [
              ['Name', (row) => row.name],
              ['ID', (row) => mono(row.id)],
              ['Networks', (row) => mono([row.cidr, ...(row.extend_cidrs ?? [])].join(', '))],
              ['State', (row) => pill(row.status)],
            ],
            vpcs,
          ),
      el('h2', { className: 'bar' }, 'Subnets'),
      subnets.length === 0
        ? empty('No subnets.')
        : table(
            'Subnets',
            [
              ['Name', (row) => row.name],
              ['Network ID', (row) => mono(row.id)],
              ['Network', (row) => mono([row.cidr, row.cidr_v6].filter(Boolean).join(', '))],
              ['VPC', (row) => vpcs.find((vpc) => vpc.id === row.vpc_id)?.name ?? mono(row.vpc_id)],
              ['State', (row) => pill(row.status)],
            ],
            subnets,
          ),
      el('h2', { className: 'bar' }, 'Route tables'),
      route_tables.length === 0
        ? empty('No route tables.')
        : table(
            'Route tables',
            [
              ['Name', (row) => row.name + (row.default ? ' (default)' : '')],
              ['ID', (row) => mono(row.id)],
              ['VPC', (row) => vpcs.find((vpc) => vpc.id === row.vpc_id)?.name ?? mono(row.vpc_id)],
              [
                'Subnets',
                (row) =>
                  row.subnets.map(({ id }) => subnets.find((subnet) => subnet.id === id)?.name ?? id).join(', '),
              ],
            ],
            route_tables,
          ),
    ),
  );
  return {
    element: el('section', { 'aria-label': 'Networks' }, body),
    update: async () => draw(await api('GET', ofProject('networks'))),
  };
}
