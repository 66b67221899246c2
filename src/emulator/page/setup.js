// How to use the emulator.

import { session } from './api.js';
import { copy, el, table } from './dom.js';

export function setupView() {
  const block = el('pre', { tabindex: '0' }, session.info.provider_block);
  const operations = table(
    'Served operations',
    [
      ['Service', (row) => row.service],
      ['Operation', (row) => row.name],
      ['Request', (row) => el('span', { className: 'mono dim' }, `${row.method} ${row.path}`)],
    ],
    session.info.operations,
  );
  return {
    element: el(
      'div',
      {},
      el(
        'section',
        { className: 'card' },
        el(
          'div',
          { className: 'bar' },
          el('h2', {}, 'Provider block'),
          el('span', { className: 'grow' }),
          el('button', { className: 'main', onclick: () => copy(session.info.provider_block, block) }, 'Copy'),
        ),
        block,
        el(
          'p',
          { className: 'dim small' },
          'IAM, VPC and the metadata service are at the same address. The control API is described in ',
          el('a', { href: '/_emulator/openapi.json' }, 'openapi.json'),
          ' and by dli-emulator --help.',
        ),
      ),
      el('h2', { className: 'bar' }, 'Served operations'),
      operations,
      el('p', { className: 'dim' }, 'All other paths return HTTP 404 APIGW.0101.'),
    ),
    update: async () => {},
  };
}
