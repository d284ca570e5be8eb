import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { allPids } from '../../../src/embedded-mesos/containers/processes.js';
import { compiledFetcher } from '../support/compiled-sources.js';
import { waitFor } from '../support/patient-wait.js';
import { FetchWorld, hostFile, zip } from './fetch-world.js';

const isRoot = process.getuid?.() === 0;
let world: FetchWorld;

beforeEach(async () => {
  world = await new FetchWorld().start();
});
afterEach(() => world.close());

(isRoot ? describe : describe.skip)('the fetcher', () => {
  it('brings files into the sandbox as the task’s user: over http, from this host, renamed, executable', async () => {
    const fetcher = await world.fetcher();
    const request = world.request([
      { value: world.serve('plain.txt?token=1', 'hello') },
      { value: world.serve('start.sh', '#!/bin/sh\n'), executable: true },
      { value: hostFile(join(world.folder, 'shared/table.csv'), 'a,b'), output_file: 'data/in/table.csv' },
    ]);
    expect(await fetcher.fetch(request)).toEqual({ type: 'fetched' });
    expect(world.files(request.sandbox)).toEqual({
      'plain.txt': 'hello',
      'start.sh': '#!/bin/sh\n',
      'data/in/table.csv': 'a,b',
    });
    for (const name of ['plain.txt', 'start.sh', 'data/in/table.csv'])
      expect(statSync(join(request.sandbox, name)).uid).toBe(world.account.uid);
    expect(statSync(join(request.sandbox, 'start.sh')).mode & 0o777).toBe(0o755);
  });

  it('unpacks tar (plain, gz, bz2, xz), zip and single packed files, and keeps links that stay inside', async () => {
    const fetcher = await world.fetcher();
    const make = (folder: string): void => {
      mkdirSync(join(folder, 'bin'));
      writeFileSync(join(folder, 'bin/tool'), 'tool', { mode: 0o755 });
      symlinkSync('../bin/tool', join(folder, 'bin/alias'));
      linkSync(join(folder, 'bin/tool'), join(folder, 'bin/twin'));
    };
    const uris = ['a.tar', 'b.tar.gz', 'c.tar.bz2', 'd.txz'].map((name) => ({
      value: world.serve(
        name,
        world.tar(name.replace('txz', 'tar.xz'), make, ['--transform', `s,^bin,${name[0]},S`, 'bin']),
      ),
    }));
    const zipped = zip([
      { name: 'z/', mode: 0o040755 },
      { name: 'z/run', content: 'run', mode: 0o100755 },
      { name: 'z/link', content: 'run', mode: 0o120777 },
    ]);
    const packed = join(world.folder, 'words');
    for (const program of ['bzip2', 'xz']) {
      writeFileSync(packed, program);
      execFileSync(program, ['-kf', packed]);
    }
    const request = world.request([
      ...uris,
      { value: world.serve('e.zip', zipped) },
      { value: world.serve('single.gz', gzipSync('single')) },
      { value: world.serve('two.bz2', readFileSync(`${packed}.bz2`)) },
      { value: world.serve('three.xz', readFileSync(`${packed}.xz`)) },
      { value: world.serve('left.tgz', 'not even an archive'), extract: false },
    ]);
    expect(await fetcher.fetch(request)).toEqual({ type: 'fetched' });
    const files = world.files(request.sandbox);
    for (const letter of ['a', 'b', 'c', 'd']) expect(files[`${letter}/tool`]).toBe('tool');
    expect(readlinkSync(join(request.sandbox, 'a/alias'))).toBe('../bin/tool');
    expect(statSync(join(request.sandbox, 'a/twin')).ino).toBe(statSync(join(request.sandbox, 'a/tool')).ino);
    expect(statSync(join(request.sandbox, 'a/tool')).mode & 0o777).toBe(0o755);
    expect(readlinkSync(join(request.sandbox, 'z/link'))).toBe('run');
    expect(statSync(join(request.sandbox, 'z/run')).mode & 0o777).toBe(0o755);
    expect(files).toMatchObject({
      'z/run': 'run',
      single: 'single',
      two: 'bzip2',
      three: 'xz',
      'left.tgz': 'not even an archive',
    });
  });

  it.each<[string, (world: FetchWorld) => [string, Buffer]]>([
    [
      'names with ..',
      (w) => [
        'a.tar',
        w.tar('a.tar', (f) => writeFileSync(join(f, 'x'), ''), [
          '--absolute-names',
          '--transform',
          's,^x,../escaped,',
          'x',
        ]),
      ],
    ],
    [
      'absolute names',
      (w) => [
        'a.tar',
        w.tar('a.tar', (f) => writeFileSync(join(f, 'x'), ''), [
          '--absolute-names',
          '--transform',
          's,^x,/tmp/longrun-escaped,',
          'x',
        ]),
      ],
    ],
    ['a link that leads out', (w) => ['a.tar', w.tar('a.tar', (f) => symlinkSync('/etc', join(f, 'etc')))]],
    [
      'a link that leads out over another',
      (w) => [
        'a.tar',
        w.tar('a.tar', (f) => {
          symlinkSync('.', join(f, 'a'));
          symlinkSync('a/..', join(f, 'b'));
        }),
      ],
    ],
    ['a pipe', (w) => ['a.tar', w.tar('a.tar', (f) => execFileSync('mkfifo', [join(f, 'pipe')]))]],
    [
      'a device',
      (w) => ['a.tar', w.tar('a.tar', (f) => execFileSync('mknod', [join(f, 'null'), 'c', '1', '3']))],
    ],
    [
      'a setuid program',
      (w) => [
        'a.tgz',
        w.tar('a.tgz', (f) => execFileSync('install', ['-m', '4755', '/dev/null', join(f, 'su')])),
      ],
    ],
    ['zip names with ..', () => ['a.zip', zip([{ name: '../escaped', content: 'x' }])]],
    [
      'a zip link that leads out',
      () => ['a.zip', zip([{ name: 'out', content: '../..', mode: 0o120777 }, { name: 'ok' }])],
    ],
    [
      'a zip entry behind a link',
      () => [
        'a.zip',
        zip([
          { name: 'here', content: '.', mode: 0o120777 },
          { name: 'here/x', content: 'x' },
        ]),
      ],
    ],
    [
      'a zip entry larger than it says',
      () => ['a.zip', zip([{ name: 'x', content: 'x'.repeat(100_000), claimedBytes: 10 }])],
    ],
    ['more than the limit when unpacked', () => ['a.gz', gzipSync(Buffer.alloc(3_000_000))]],
    [
      'more than the limit in a tar',
      (w) => ['a.tar.gz', w.tar('a.tar.gz', (f) => writeFileSync(join(f, 'big'), Buffer.alloc(3_000_000)))],
    ],
    ['something that is no archive', () => ['a.tar.gz', Buffer.from('hello')]],
  ])('refuses an archive with %s before anything of it is unpacked', async (_, make) => {
    const fetcher = await world.fetcher({ limitBytes: 1_000_000 });
    const [name, content] = make(world);
    const uri = world.serve(name, content);
    const request = world.request([{ value: uri }]);
    const end = await fetcher.fetch(request);
    expect(end).toMatchObject({
      type: 'failed',
      message: expect.stringContaining(`Failed to fetch ${uri}: it cannot be unpacked`),
    });
    expect(existsSync(join(world.folder, 'escaped'))).toBe(false);
    expect(existsSync('/tmp/longrun-escaped')).toBe(false);
    expect(
      readdirSync(request.sandbox).filter((file) => file !== name && file !== 'x' && file !== 'a'),
    ).toEqual([]);
  });

  it('does not write through a link that another archive brought', async () => {
    const fetcher = await world.fetcher();
    const first = world.serve(
      'first.tar',
      world.tar('first.tar', (folder) => {
        mkdirSync(join(folder, 'real'));
        symlinkSync('real', join(folder, 'way'));
      }),
    );
    const second = world.serve(
      'second.tar',
      world.tar('second.tar', (folder) => {
        mkdirSync(join(folder, 'way'));
        writeFileSync(join(folder, 'way/x'), 'x');
      }),
    );
    const request = world.request([{ value: first }, { value: second }]);
    expect(await fetcher.fetch(request)).toMatchObject({
      type: 'failed',
      message: expect.stringContaining('is a link in the sandbox'),
    });
    expect(readdirSync(join(request.sandbox, 'real'))).toEqual([]);
  });

  it('names the URI, without its secrets, and the reason when it fails', async () => {
    const fetcher = await world.fetcher({ limitBytes: 1_000 });
    const secret = join(world.folder, 'secret');
    writeFileSync(secret, 'root’s own', { mode: 0o600 });
    const messages: string[] = [];
    const cases: [string, string][] = [
      [
        `${world.url.replace('//', '//user:pass@')}/none?key=hush`,
        `Failed to fetch ${world.url}/none: the server answered 404 Not Found`,
      ],
      [
        world.serve('large', Buffer.alloc(2_000)),
        `Failed to fetch ${world.url}/large: it is larger than 1000 bytes, the most that is fetched`,
      ],
      [secret, `Failed to fetch ${secret}: EACCES`],
      ['s3://bucket/x', 'Failed to fetch s3://bucket/x: s3:// is not fetched'],
      [`${world.url}/`, 'it names no file; give a destPath'],
      [
        world.serve('out', (_, response) => response.writeHead(302, { location: `file://${secret}` }).end()),
        'redirects to file://, which is not followed',
      ],
    ];
    for (const [value, expected] of cases) {
      const end = await fetcher.fetch(world.request([{ value }]));
      expect(end).toMatchObject({ type: 'failed', message: expect.stringContaining(expected) });
      if (end.type === 'failed') messages.push(end.message);
    }
    expect(messages.join()).not.toMatch(/hush|pass/);
    expect(fetcher.totals).toMatchObject({ succeeded: 0, failed: cases.length });
  });

  it('tries a transfer again that broke off', async () => {
    const fetcher = await world.fetcher();
    let tries = 0;
    const uri = world.serve('flaky', (_, response) => {
      response.writeHead(200, { 'content-length': 10 });
      if (tries++ > 0) response.end('0123456789');
      else response.write('0123', () => response.destroy());
    });
    const request = world.request([{ value: uri }]);
    expect(await fetcher.fetch(request)).toEqual({ type: 'fetched' });
    expect(world.files(request.sandbox)).toEqual({ flaky: '0123456789' });
  });

  it('says how far a long transfer is, and ends with all of it when it is cancelled', async () => {
    const fetcher = await world.fetcher();
    const uri = world.serve('slow', (_, response) => {
      response.writeHead(200, { 'content-length': 4 * 1024 * 1024 });
      const more = setInterval(() => response.write(Buffer.alloc(64 * 1024)), 50);
      response.once('close', () => clearInterval(more));
    });
    const request = world.request([{ value: uri }]);
    const end = fetcher.fetch(request);
    await waitFor(() => world.progress.length > 0, { what: 'progress' });
    expect(world.progress[0]).toMatch(/^Fetching http:\/\/127\.0\.0\.1:\d+\/slow: \d+\.\d of 4\.0 MiB$/);
    fetcher.cancel(request.containerId);
    expect(await end).toEqual({ type: 'cancelled' });
  });

  it('gives up a transfer that stalls, and one that is not done in time', async () => {
    const hang = world.serve('hang', (_, response) => void response.writeHead(200).write('x'));
    const stalling = await world.fetcher({ stallMs: 100 });
    expect(await stalling.fetch(world.request([{ value: hang }]))).toMatchObject({
      message: `Failed to fetch ${hang}: it stalled: no byte came for 0.1 s`,
    });
    const late = await world.fetcher({ timeLimitMs: 500, cacheFolder: join(world.folder, 'cache-2') });
    expect(await late.fetch(world.request([{ value: hang }]))).toMatchObject({
      type: 'failed',
      message: expect.stringContaining(`Failed to fetch ${hang}: it was not done after`),
    });
  });

  it('leaves no process behind when it stops', async () => {
    const fetcher = await world.fetcher({ script: compiledWithMark(world) });
    const hang = world.serve('hang', (_, response) => void response.writeHead(200).write('x'));
    const end = fetcher.fetch(world.request([{ value: hang }]));
    await waitFor(() => world.requestsOf(hang) > 0, { what: 'the transfer' });
    expect(fetchProcesses(world)).toBe(1);
    fetcher.stop();
    expect(await end).toEqual({ type: 'cancelled' });
    expect(fetchProcesses(world)).toBe(0);
  });
});

(isRoot ? describe : describe.skip)('the fetcher’s cache', () => {
  const fill = (uri: string) => world.request([{ value: uri, cache: true }]);

  it('loads a file once for all that wait for it, and asks its server whether it is still the same', async () => {
    let content = 'one';
    const uri = world.serveTagged('app', () => content);
    const fetcher = await world.fetcher();
    const requests = [fill(uri), fill(uri), fill(uri)];
    for (const end of await Promise.all(requests.map((request) => fetcher.fetch(request))))
      expect(end.type).toBe('fetched');
    expect(world.requestsOf(uri)).toBe(1);
    fetcher.stop();

    const later = await world.fetcher();
    const again = fill(uri);
    await later.fetch(again);
    expect(world.files(again.sandbox)).toEqual({ app: 'one' });
    expect(world.requestsOf(uri)).toBe(2);
    later.stop();

    content = 'two';
    const changed = fill(uri);
    await (await world.fetcher()).fetch(changed);
    expect(world.files(changed.sandbox)).toEqual({ app: 'two' });
  });

  it('does not use a copy that is not what was put there', async () => {
    const uri = world.serveTagged('app', () => 'good');
    const fetcher = await world.fetcher();
    await fetcher.fetch(fill(uri));
    const cache = join(world.folder, 'cache');
    const file = readdirSync(cache).find((name) => !name.endsWith('.json')) ?? '';
    writeFileSync(join(cache, file), 'evil');
    const request = fill(uri);
    expect(await fetcher.fetch(request)).toEqual({ type: 'fetched' });
    expect(world.files(request.sandbox)).toEqual({ app: 'good' });
  });

  it('uses what it has when the server is away, and drops it when the server says no', async () => {
    let status = 200;
    const uri = world.serve('app', (_, response) => response.writeHead(status, { etag: '"1"' }).end('kept'));
    await (await world.fetcher()).fetch(fill(uri));
    status = 503;
    const away = fill(uri);
    const second = await world.fetcher();
    expect(await second.fetch(away)).toEqual({ type: 'fetched' });
    expect(world.files(away.sandbox)).toEqual({ app: 'kept' });
    status = 403;
    expect(await second.fetch(fill(uri))).toMatchObject({
      type: 'failed',
      message: expect.stringContaining('403'),
    });
    expect(second.cache.size).toBe(0);
  });

  it('gives one user nothing that another one loaded, and lets nobody near its files', async () => {
    const uri = world.serveTagged('app', () => 'x');
    const fetcher = await world.fetcher();
    await fetcher.fetch(fill(uri));
    const other = { ...world.account, name: 'games', uid: 5, gid: 60, groups: [60] };
    await fetcher.fetch({ ...fill(uri), account: other });
    expect(fetcher.cache.size).toBe(2);
    expect(statSync(join(world.folder, 'cache')).mode & 0o077).toBe(0);
  });

  it('removes what was not used for longest when there is no room', async () => {
    const fetcher = await world.fetcher({ cacheBytes: 250 });
    const uris = ['a', 'b', 'c'].map((name) => world.serveTagged(name, () => name.repeat(100)));
    for (const uri of uris) await fetcher.fetch(fill(uri));
    expect(fetcher.cache.bytes).toBe(200);
    expect(readdirSync(join(world.folder, 'cache'))).toHaveLength(4);
    const large = fill(world.serveTagged('large', () => 'x'.repeat(300)));
    expect(await fetcher.fetch(large)).toEqual({ type: 'fetched' });
    expect(fetcher.cache.bytes).toBe(200);
  });

  it('keeps an archive out of the sandbox when the cache has it', async () => {
    const fetcher = await world.fetcher();
    const archive = world.tar('app.tgz', (folder) => writeFileSync(join(folder, 'main.js'), 'main'));
    const request = fill(world.serveTagged('app.tgz', () => archive));
    await fetcher.fetch(request);
    expect(world.files(request.sandbox)).toEqual({ 'main.js': 'main' });
  });
});

/** The process's script, by a path that names this world. */
function compiledWithMark({ folder }: FetchWorld): string {
  const link = join(folder, 'sources');
  symlinkSync(join(compiledFetcher(), '../../../..'), link);
  return join(link, 'embedded-mesos/containers/fetcher/main.js');
}

function fetchProcesses({ folder }: FetchWorld): number {
  return allPids().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
    } catch {
      return false;
    }
  }).length;
}
