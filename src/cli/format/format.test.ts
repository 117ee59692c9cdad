import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRows, type Fields } from './rows.ts';
import { formatTable } from './table.ts';
import { ago, binarySize, ellipsis, humanDuration, humanSize } from './units.ts';

test('formatTable() aligns as docker 28.2 does', () => {
  // Real output of `docker network ls` and of `docker ps` without containers.
  assert.equal(
    formatTable([
      ['NETWORK ID', 'NAME', 'DRIVER', 'SCOPE'],
      ['f1a82fa3f31c', 'bridge', 'bridge', 'local'],
      ['7d54fdfc64a9', 'none', 'null', 'local'],
    ]),
    'NETWORK ID     NAME      DRIVER    SCOPE\nf1a82fa3f31c   bridge    bridge    local\n7d54fdfc64a9   none      null      local\n',
  );
  assert.equal(
    formatTable([['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES']]),
    'CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n',
  );
});

test('humanSize() prints go-units sizes', () => {
  const cases: [number, number, string][] = [
    [0, 4, '0B'],
    [999, 4, '999B'],
    [1_982_000, 4, '1.982MB'],
    [1_982_000, 3, '1.98MB'],
    [1000, 3, '1kB'],
    [123_456_789_012, 4, '123.5GB'],
  ];
  for (const [bytes, digits, text] of cases) assert.equal(humanSize(bytes, digits), text);
  assert.equal(binarySize(8_328_000_000), '7.756GiB');
});

test('humanDuration() prints go-units durations', () => {
  const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000];
  const cases: [number, string][] = [
    [400, 'Less than a second'],
    [second, '1 second'],
    [59 * second, '59 seconds'],
    [minute, 'About a minute'],
    [2 * minute, '2 minutes'],
    [hour, 'About an hour'],
    [47 * hour, '47 hours'],
    [48 * hour, '2 days'],
    [13 * day, '13 days'],
    [14 * day, '2 weeks'],
    [60 * day, '2 months'],
    [729 * day, '24 months'],
    [730 * day, '2 years'],
  ];
  for (const [ms, text] of cases) assert.equal(humanDuration(ms), text);
  assert.equal(ago(0, 5000), '5 seconds ago');
});

test('ellipsis() cuts to the width with the ellipsis in it', () => {
  assert.equal(ellipsis("sh -c 'echo one; echo two'", 20), "sh -c 'echo one; ec…");
  assert.equal(ellipsis('short', 20), 'short');
});

interface Item {
  id: string;
  labels: Record<string, string>;
}
const FIELDS: Fields<Item> = {
  Name: { header: 'NAME', value: ({ id }) => `<${id}>` },
  ID: { header: 'ITEM ID', value: ({ id }) => id },
  Label: {
    header: '',
    method: true,
    value:
      ({ labels }) =>
      (key: string) =>
        labels[key] ?? '',
  },
};
const ITEMS: Item[] = [
  { id: 'one', labels: { a: '1' } },
  { id: 'second-item', labels: {} },
];

test('formatRows() knows the forms of --format', async () => {
  const rows = (format?: string, quiet?: string): Promise<string> =>
    formatRows(ITEMS, { fields: FIELDS, columns: ['ID', 'Name'], format, quiet });
  assert.equal(await rows(), 'ITEM ID       NAME\none           <one>\nsecond-item   <second-item>\n');
  assert.equal(await rows(undefined, 'ID'), 'one\nsecond-item\n');
  assert.equal(
    await rows('json'),
    String.raw`{"ID":"one","Name":"\u003cone\u003e"}` +
      '\n' +
      String.raw`{"ID":"second-item","Name":"\u003csecond-item\u003e"}` +
      '\n',
  );
  assert.equal(
    await rows(String.raw`table {{.Name}}\t{{.ID}}`),
    'NAME            ITEM ID\n<one>           one\n<second-item>   second-item\n',
  );
  assert.equal(await rows('{{.ID}}={{.Label "a"}}'), 'one=1\nsecond-item=\n');
});
