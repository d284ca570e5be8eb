import { LogFollower } from '../../src/cli/rest/log-follower.js';
import { type RestClient, RestError } from '../../src/cli/rest/rest-client.js';

/** Files of one task as an agent shows them: each keeps its name for itself when it is rotated. */
class Files {
  readonly #files = new Map<string, { id: string; data: Buffer }>();
  #made = 0;

  write(text: string): void {
    const file = this.#files.get('stdout') ?? { id: `1-${++this.#made}`, data: Buffer.alloc(0) };
    this.#files.set('stdout', { ...file, data: Buffer.concat([file.data, Buffer.from(text)]) });
  }

  rotate(kept = 3): void {
    for (let age = kept - 1; age >= 1; age--) {
      const younger = this.#files.get(age === 1 ? 'stdout' : `stdout.${age - 1}`);
      if (younger) this.#files.set(`stdout.${age}`, younger);
    }
    this.#files.delete('stdout');
    this.write('');
  }

  get client(): RestClient {
    return {
      get: async (path: string) => {
        const query = new URL(path, 'http://x').searchParams;
        const file = this.#files.get(query.get('path') ?? '');
        if (!file) throw new RestError('no such file', '', 404);
        const offset = Number(query.get('offset'));
        if (offset < 0) return { data: '', offset: file.data.length, file: file.id };
        const end = offset + Math.min(65_536, Number(query.get('length')));
        return { data: file.data.toString('utf8', offset, end), offset, file: file.id };
      },
    } as unknown as RestClient;
  }
}

describe('output that is followed', () => {
  let files: Files;
  let follower: LogFollower;

  beforeEach(async () => {
    files = new Files();
    files.write('one\n');
    follower = new LogFollower(files.client, 'task', 'stdout');
    expect(await follower.tail(10)).toBe('one\n');
  });

  it('is whole through a rotation, though the new file is longer already than the old one was', async () => {
    files.write('two\n');
    files.rotate();
    files.write('three is much longer\n');
    expect(await follower.more()).toBe('two\nthree is much longer\n');
    files.write('four\n');
    expect(await follower.more()).toBe('four\n');
  });

  it('is whole through several rotations between two looks, as far as files are kept', async () => {
    files.write('two\n');
    files.rotate();
    files.write('three\n');
    files.rotate();
    files.write('four\n');
    expect(await follower.more()).toBe('two\nthree\nfour\n');
    for (const word of ['five', 'six', 'seven']) {
      files.rotate();
      files.write(`${word}\n`);
    }
    expect(await follower.more()).toBe('five\nsix\nseven\n');
  });
});
