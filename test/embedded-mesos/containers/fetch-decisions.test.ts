import fc from 'fast-check';
import {
  type ArchiveEntry,
  checkArchive,
} from '../../../src/embedded-mesos/containers/decide/archive-check.js';
import {
  archiveKind,
  fetchPlan,
  shownUri,
} from '../../../src/embedded-mesos/containers/decide/fetch-plan.js';
import { progressText } from '../../../src/embedded-mesos/containers/decide/fetch-progress.js';
import { parseTarLine } from '../../../src/embedded-mesos/containers/decide/tar-listing.js';
import { findZipEnd, readZipDirectory } from '../../../src/embedded-mesos/containers/decide/zip-directory.js';
import { zip } from './fetch-world.js';

const LIMITS = { bytes: 1_000, entries: 100 };
const file = (path: string, more: Partial<ArchiveEntry> = {}): ArchiveEntry => ({
  path,
  kind: 'file',
  bytes: 1,
  mode: 0o644,
  ...more,
});
const link = (path: string, target: string): ArchiveEntry => file(path, { kind: 'symlink', target });

/** Where a path leads once all links are there: undefined = out of the sandbox. */
function follow(path: string, links: ReadonlyMap<string, string>): readonly string[] | undefined {
  const at: string[] = [];
  const ahead = path.split('/');
  for (let steps = 0; ahead.length > 0; steps++) {
    // A loop of links leads nowhere.
    if (steps > 500) return at;
    const part = ahead.shift();
    if (part === undefined || part === '' || part === '.') continue;
    if (part === '..') {
      if (at.pop() === undefined) return undefined;
      continue;
    }
    at.push(part);
    const target = links.get(at.join('/'));
    if (target === undefined) continue;
    at.pop();
    ahead.unshift(...target.split('/'));
  }
  return at;
}

describe('an archive that is found good', () => {
  const part = fc.constantFrom('a', 'b', 'c', '.', '..');
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  const entry: fc.Arbitrary<ArchiveEntry> = fc.oneof(
    path.map((name) => file(name)),
    path.map((name) => file(name, { kind: 'folder', bytes: 0 })),
    fc.tuple(path, path).map(([name, target]) => link(name, target)),
    fc.tuple(path, path).map(([name, target]) => file(name, { kind: 'hardlink', target })),
  );

  it('has no entry and no link, over however many others, that leads out of the sandbox', () => {
    let good = 0;
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 6 }), (entries) => {
        if (checkArchive(entries, LIMITS).problem !== undefined) return;
        good++;
        const plain = (name: string): string =>
          name
            .split('/')
            .filter((each) => each !== '.')
            .join('/');
        const links = new Map(
          entries.flatMap(({ kind, path: name, target }) =>
            kind === 'symlink' ? [[plain(name), target ?? '']] : [],
          ),
        );
        for (const { path: name } of entries) expect(follow(plain(name), links)).toBeDefined();
      }),
      { numRuns: 5_000 },
    );
    expect(good).toBeGreaterThan(100);
  });
});

describe('an archive is refused that', () => {
  it.each<[string, ArchiveEntry[], string]>([
    ['has names with ..', [file('a/../../x')], "leads out of its folder with '..'"],
    ['has a device', [file('dev', { kind: 'other' })], 'is a device'],
    ['has a setgid program', [file('x', { mode: 0o2755 })], 'setuid or setgid'],
    ['climbs by a link in a link', [link('s', '.'), link('t', 's/..')], "'..' after a name"],
    [
      'links an inherited link to another depth',
      [link('a/b', '../x'), file('h', { kind: 'hardlink', target: 'a/b' })],
      'hard link to something that is no file',
    ],
    ['has a file and a link of one name', [file('x'), link('x', 'y')], 'is a file and a link'],
    ['is too large', [file('x', { bytes: 1_001 })], '1001 bytes'],
    ['has too many entries', Array.from({ length: 101 }, (_, index) => file(`f${index}`)), 'more than 100'],
  ])('%s', (_, entries, problem) => {
    expect(checkArchive(entries, LIMITS).problem).toContain(problem);
  });

  it('names the folders that must not be links already', () => {
    expect(checkArchive([file('./a/b/c'), file('d/', { kind: 'folder', bytes: 0 })], LIMITS)).toEqual({
      folders: ['a/b', 'a', 'd'],
    });
  });
});

describe('the list of a tar archive', () => {
  it('is read with whatever is in a name', () => {
    expect(parseTarLine('-rwsr-xr-t 0/0 12 2026-11-22 22:26 "a \\"b\\"\\n\\\\\\303\\244"')).toEqual({
      path: 'a "b"\n\\Ã¤',
      kind: 'file',
      bytes: 12,
      mode: 0o5755,
    });
    expect(parseTarLine('lrwxrwxrwx 0/0 0 2026-11-22 22:26 "x -> y" -> "../z"')).toMatchObject({
      path: 'x -> y',
      kind: 'symlink',
      target: '../z',
    });
    expect(parseTarLine('hrw-r--r-- 1000/1000 0 2026-11-22 22:26 "b" link to "a"')).toMatchObject({
      kind: 'hardlink',
      target: 'a',
    });
    expect(parseTarLine('crw-r--r-- 0/0 1,3 2026-11-22 22:26 "null"')).toMatchObject({ kind: 'other' });
    expect(parseTarLine('tar: Unexpected EOF')).toBeUndefined();
  });
});

describe('the directory of a zip archive', () => {
  it('is read whatever the bytes are, or refused with a sentence', () => {
    const good = zip([{ name: 'a/b', content: 'hello' }]);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bytes = Buffer.from(good);
        bytes[at] = value;
        const end = findZipEnd(bytes);
        if (typeof end === 'string') return end.length > 0;
        const directory = bytes.subarray(end.directoryOffset, end.directoryOffset + end.directoryBytes);
        const entries = readZipDirectory(directory, Math.min(end.entries, 10));
        return typeof entries === 'string' ? entries.length > 0 : entries.length <= 10;
      }),
    );
  });
});

describe('what is fetched', () => {
  it('goes by the last name of its URI, or as it is asked for', () => {
    const uris = [
      { value: 'https://host/a/app%201.tgz?x=y' },
      { value: '/srv/start.sh', executable: true },
      { value: 'file:///srv/x', output_file: './conf//x', cache: true },
    ];
    expect(fetchPlan(uris)).toMatchObject({
      items: [
        { name: 'app 1.tgz', extract: true, shown: 'https://host/a/app%201.tgz' },
        { name: 'start.sh', extract: false, executable: true },
        { name: 'conf/x', cache: true },
      ],
    });
  });

  it.each([
    [{ value: 'http://a/x', output_file: '../x' }, "without '..'"],
    [{ value: 'http://a/x', output_file: '/etc/x' }, 'must lie in the sandbox'],
    [{ value: 'http://a/%2e%2e' }, 'names no file'],
    [{ value: 'hdfs://a/x' }, 'hdfs:// is not fetched'],
    [{ value: 'file://host/x' }, 'names no host'],
    [{ value: 'x' }, 'neither a URI nor an absolute path'],
  ])('is refused when it cannot be had: %j', (uri, problem) => {
    expect(fetchPlan([uri])).toMatchObject({ problem: expect.stringContaining(problem) });
  });

  it('is shown without what may be secret', () => {
    expect(shownUri('https://user:pass@host:1/path?token=1#x')).toBe('https://host:1/path');
  });

  it('is unpacked by its name', () => {
    expect(archiveKind('a.tar.gz')).toEqual({ kind: 'tar', inner: 'a' });
    expect(archiveKind('a.json.gz')).toEqual({ kind: 'gzip', inner: 'a.json' });
    expect(archiveKind('.gz')).toBeUndefined();
    expect(archiveKind('a.jar')).toBeUndefined();
  });

  it('is told with how far it is', () => {
    const shown = 'http://a/x';
    expect(progressText({ shown, bytes: 1_572_864, totalBytes: 3_145_728 })).toBe(
      'Fetching http://a/x: 1.5 of 3.0 MiB',
    );
    expect(progressText({ shown, bytes: 1_572_864 })).toBe('Fetching http://a/x: 1.5 MiB');
    expect(progressText({ shown, bytes: 0, unpackingSeconds: 4 })).toBe('Unpacking http://a/x (4 s)');
  });
});
