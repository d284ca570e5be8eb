import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { bytesAfterMark } from '../../../src/embedded-mesos/containers/decide/output-mark.js';
import { ContainerOutput } from '../../../src/embedded-mesos/containers/docker/container-output.js';
import type { Engine } from '../../../src/embedded-mesos/containers/docker/engine.js';

const frame = (stream: 1 | 2, index: number): Buffer => {
  const at = new Date(Date.UTC(2026, 0, 1) + Math.floor(index / 3)).toISOString().replace('Z', '000000Z');
  const body = Buffer.from(`${at} line ${index}\n`);
  const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
};

/** An engine that has said `frames`, and says them from a time on, in pieces. */
const engineOf = (frames: readonly Buffer[], perChunk: number): Engine =>
  ({
    output: async (_name: string, since: string) => {
      const from = frames.filter((each) => {
        const [at = ''] = each.subarray(8).toString().split(' ');
        return Number(since) === 0 || Date.parse(at) / 1000 >= Number(since) - 1e-6;
      });
      const chunks: Buffer[] = [];
      for (let start = 0; start < from.length; start += perChunk)
        chunks.push(Buffer.concat(from.slice(start, start + perChunk)));
      return Readable.from(chunks);
    },
  }) as unknown as Engine;

describe('the output of a container of the Docker engine', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-output-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const limits = { fileBytes: 100, files: 50 };
  const record = (): string => join(folder, 'position');
  const follow = async (engine: Engine): Promise<void> => {
    const output = new ContainerOutput(folder, record(), limits);
    await output.follow(engine, 'name', new AbortController().signal);
    output.close();
  };
  const text = (stream: string): string => {
    let all = '';
    for (let age = limits.files - 1; age >= 0; age--) {
      const path = join(folder, age === 0 ? stream : `${stream}.${age}`);
      if (existsSync(path)) all += readFileSync(path, 'utf8');
    }
    return all;
  };

  it('is neither lost nor doubled when a crash came between the lines and their position', async () => {
    const streams = Array.from({ length: 40 }, (_, index) => (index % 4 === 0 ? 2 : 1) as 1 | 2);
    const frames = streams.map(frame);
    for (const crashAt of [0, 1, 5, 12, 20, 39]) {
      rmSync(folder, { recursive: true });
      folder = mkdtempSync(join(tmpdir(), 'longrun-output-'));
      if (crashAt > 0) await follow(engineOf(frames.slice(0, crashAt), 4));
      const saved = join(folder, 'saved');
      if (existsSync(record())) copyFileSync(record(), saved);
      await follow(engineOf(frames.slice(0, crashAt + 7), 3));
      // As the disk looks after the crash: the files are ahead of the position.
      if (existsSync(saved)) copyFileSync(saved, record());
      else rmSync(record(), { force: true });
      await follow(engineOf(frames, 5));
      for (const [name, number] of [
        ['stdout', 1],
        ['stderr', 2],
      ] as const) {
        const expected = streams.flatMap((each, index) => (each === number ? [`line ${index}\n`] : []));
        expect(text(name)).toBe(expected.join(''));
      }
    }
  });

  it('is counted from the mark on, over rotations', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(500), { minLength: 1, maxLength: 6 }),
        fc.nat(5),
        fc.nat(500),
        (sizes, at, marked) => {
          const files = sizes.map((bytes, index) => ({ inode: index + 1, bytes }));
          const place = at % sizes.length;
          const bytes = Math.min(marked, sizes[place] ?? 0);
          const after = sizes.slice(0, place + 1).reduce((sum, each) => sum + each, 0) - bytes;
          expect(bytesAfterMark(files, { inode: place + 1, bytes })).toBe(after);
        },
      ),
    );
    expect(bytesAfterMark([{ inode: 7, bytes: 10 }], { inode: 0, bytes: 0 })).toBe(10);
    expect(bytesAfterMark([{ inode: 7, bytes: 10 }], { inode: 3, bytes: 5 })).toBe(0);
  });
});
