import { type FileHandle, lstat, readdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { RunFiles } from '../../containers/run-files.js';
import {
  isOutputName,
  MAX_READ_BYTES,
  modeText,
  type PlaceLookup,
  placeOf,
  type SandboxPlace,
  wholeCharacterBytes,
} from '../decide/file-request.js';
import { answerJson, refuse } from './answers.js';
import { openBelow } from './open-below.js';

/** Entries that one browse answers at most. */
const MAX_ENTRIES = 10_000;

/** /files/browse, /files/read and /files/download over the sandboxes of this agent (Mesos reference 3.9). */
export class SandboxFiles {
  constructor(
    private readonly files: RunFiles,
    private readonly lookup: PlaceLookup,
  ) {}

  async answer(
    action: string,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const path = query.get('path');
    if (!path) {
      refuse(response, 400, "Expecting 'path=value' in query.");
      return;
    }
    const place = placeOf(path, this.files.sandboxes, this.lookup);
    if (!place) {
      refuse(response, 404, `There is no '${path}' here.`);
      return;
    }
    try {
      if (action === 'browse') await this.#browse(place, path, response);
      else if (action === 'read') await this.#read(place, query, response);
      else if (action === 'download') await this.#download(place, request, response);
      else refuse(response, 404, `There is no /files/${action}.`);
    } catch (error) {
      this.#failed(error as NodeJS.ErrnoException, path, response);
    }
  }

  #failed(error: NodeJS.ErrnoException, path: string, response: ServerResponse): void {
    if (response.headersSent) response.destroy();
    else if (error.code === 'ENOENT') refuse(response, 404, `There is no '${path}' here.`);
    else if (error.code === 'ELOOP' || error.code === 'ENOTDIR')
      refuse(response, 403, `'${path}' is or leads through a link, which is not followed.`);
    else if (error.code === 'EACCES' || error.code === 'EPERM')
      refuse(response, 403, `'${path}' may not be read.`);
    else refuse(response, 500, `'${path}' cannot be read: ${error.message}`);
  }

  #open({ containerId, names }: SandboxPlace): Promise<FileHandle> {
    const output = names.length === 1 && names[0] !== undefined && isOutputName(names[0]);
    return openBelow(output ? this.files.output(containerId) : this.files.sandbox(containerId), names);
  }

  async #browse(place: SandboxPlace, path: string, response: ServerResponse): Promise<void> {
    const handle = await this.#open(place);
    try {
      if (!(await handle.stat()).isDirectory()) {
        refuse(response, 400, 'Cannot browse a file.');
        return;
      }
      const here = new Map(await list(`/proc/self/fd/${handle.fd}`));
      if (place.names.length === 0) {
        for (const [name, entry] of await list(this.files.output(place.containerId))) here.set(name, entry);
      }
      const base = path.replace(/\/+$/, '');
      const entries = [...here]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, entry]) => ({ path: `${base}/${name}`, ...entry }));
      answerJson(response, 200, entries);
    } finally {
      await handle.close();
    }
  }

  /** `offset` -1 or absent asks for the size only; `length` -1 or absent means as much as one answer holds. */
  async #read(place: SandboxPlace, query: URLSearchParams, response: ServerResponse): Promise<void> {
    const offset = wholeNumber(query.get('offset'), -1);
    const asked = wholeNumber(query.get('length'), -1);
    if (offset === undefined || offset < -1)
      return refuse(
        response,
        400,
        `Failed to parse offset: '${query.get('offset')}' is not a whole number from -1.`,
      );
    if (asked === undefined || asked < -1)
      return refuse(
        response,
        400,
        `Failed to parse length: '${query.get('length')}' is not a whole number from -1.`,
      );
    const handle = await this.#open(place);
    try {
      const stat = await handle.stat();
      if (stat.isDirectory()) {
        refuse(response, 400, 'Cannot read from a directory.');
        return;
      }
      if (!stat.isFile()) {
        refuse(response, 400, 'Not a regular file.');
        return;
      }
      // Ours, not Mesos's: a file keeps it when it is rotated away under another name.
      const file = `${stat.dev}-${stat.ino}`;
      if (offset === -1) {
        answerJson(response, 200, { offset: stat.size, data: '', file });
        return;
      }
      const length = asked === -1 ? MAX_READ_BYTES : Math.min(asked, MAX_READ_BYTES);
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, offset);
      const bytes = buffer.subarray(0, bytesRead);
      const more = offset + bytesRead < stat.size;
      const whole = more ? wholeCharacterBytes(bytes) || bytesRead : bytesRead;
      answerJson(response, 200, { offset, data: bytes.toString('utf8', 0, whole), file });
    } finally {
      await handle.close();
    }
  }

  async #download(place: SandboxPlace, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const handle = await this.#open(place);
    try {
      const stat = await handle.stat();
      if (stat.isDirectory()) {
        refuse(response, 400, 'Cannot download a directory.');
        return;
      }
      if (!stat.isFile()) {
        refuse(response, 400, 'Not a regular file.');
        return;
      }
      const name = (place.names.at(-1) ?? 'file').replace(/[^\w.-]/g, '_');
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-length': stat.size,
        'content-disposition': `attachment; filename=${name}`,
        'x-content-type-options': 'nosniff',
      });
      if (request.method === 'HEAD' || stat.size === 0) response.end();
      else
        await pipeline(handle.createReadStream({ start: 0, end: stat.size - 1, autoClose: false }), response);
    } finally {
      await handle.close();
    }
  }
}

async function list(folder: string): Promise<readonly (readonly [string, Record<string, unknown>])[]> {
  const names = (await readdir(folder)).sort().slice(0, MAX_ENTRIES);
  const entries = await Promise.all(
    names.map(async (name) => {
      try {
        const { nlink, size, mtimeMs, mode, uid, gid } = await lstat(`${folder}/${name}`);
        return [
          [
            name,
            {
              nlink,
              size,
              mtime: Math.floor(mtimeMs / 1000),
              mode: modeText(mode),
              uid: String(uid),
              gid: String(gid),
            },
          ] as const,
        ];
      } catch {
        // Gone since the folder was read.
        return [];
      }
    }),
  );
  return entries.flat();
}

function wholeNumber(text: string | null, absent: number): number | undefined {
  if (text === null || text === '') return absent;
  return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}
