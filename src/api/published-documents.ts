import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Request, RequestHandler, Response } from 'express';
import { parse } from 'yaml';
import { CatalogError } from '../errors/registry.js';
import { entityTag, isUnchanged } from './decide/entity-tag.js';
import { dispatch, resource } from './middleware/methods.js';
import { segmentsOf } from './request-path.js';
import { JSON_TYPE, sendText } from './write-json.js';

/** Where the package keeps what it tells about its API. */
export interface DocumentFiles {
  /** openapi.yaml */
  readonly contract: string;
  /** The same as JSON, as the build made it; absent: it is made of the YAML when first asked for. */
  readonly contractJson?: string;
  /** The folder of the pages that show it. */
  readonly page: string;
}

interface Text {
  readonly body: string;
  readonly tag: string;
}

const YAML_TYPE = 'application/yaml';
const TAG_DIGITS = 16;

/** Everything that the pages are made of; nothing else of the folder is shown. */
const pageFiles: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  '': { file: 'page.html', type: 'text/html; charset=utf-8' },
  'page.css': { file: 'page.css', type: 'text/css; charset=utf-8' },
  'page.js': { file: 'page.js', type: 'text/javascript; charset=utf-8' },
};

/** The pages run their own script, wear their own style and ask their own server: nothing from elsewhere, nothing inline. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * `/openapi.json`, `/openapi.yaml` and the pages of `/docs`, which show them and which `/` leads to. Each file is read when it is first asked for and
 * then kept, under a tag by which clients need not load it twice.
 */
export class PublishedDocuments {
  readonly #read = new Map<string, Promise<Text>>();

  constructor(private readonly files: DocumentFiles) {}

  json(): RequestHandler {
    return resource({ GET: (request, response) => this.#send(request, response, 'json', JSON_TYPE) }, []);
  }

  yaml(): RequestHandler {
    return resource({ GET: (request, response) => this.#send(request, response, 'yaml', YAML_TYPE) }, []);
  }

  /** What a browser asks for first leads to the page. */
  front(): RequestHandler {
    const GET = (_request: Request, response: Response): void => {
      response.setHeader('Location', '/docs');
      response.statusCode = 302;
      response.end();
    };
    return (request, response) => {
      // The router takes `//` for the same.
      if (request.path !== '/') throw new CatalogError('not-found');
      return dispatch({ GET }, request, response, []);
    };
  }

  /** `/docs` and what is below it. */
  page(): RequestHandler {
    return (request, response) => {
      const name = segmentsOf(request).join('/');
      const found = Object.hasOwn(pageFiles, name) ? pageFiles[name] : undefined;
      if (found === undefined) throw new CatalogError('not-found');
      const GET = (): Promise<void> => {
        response.setHeader('Content-Security-Policy', pagePolicy);
        response.setHeader('Referrer-Policy', 'no-referrer');
        return this.#send(request, response, found.file, found.type);
      };
      return dispatch({ GET }, request, response, []);
    };
  }

  async #send(request: Request, response: Response, name: string, type: string): Promise<void> {
    const { body, tag } = await this.#text(name);
    // Unlike all else here it may be kept, as long as the keeper asks whether it is still the same.
    response.setHeader('Cache-Control', 'no-cache');
    for (const header of ['Pragma', 'Expires']) response.removeHeader(header);
    response.setHeader('ETag', tag);
    if (isUnchanged(request.headers['if-none-match'], tag)) {
      response.statusCode = 304;
      response.end();
    } else sendText(response, 200, body, type);
  }

  #text(name: string): Promise<Text> {
    let text = this.#read.get(name);
    if (text === undefined) {
      text = this.#load(name).then((body) => ({
        body,
        tag: entityTag(createHash('sha256').update(body).digest('hex').slice(0, TAG_DIGITS)),
      }));
      // What could not be read once may be read the next time.
      text.catch(() => this.#read.delete(name));
      this.#read.set(name, text);
    }
    return text;
  }

  #load(name: string): Promise<string> {
    const { contract, contractJson, page } = this.files;
    if (name === 'yaml') return readFile(contract, 'utf8');
    if (name !== 'json') return readFile(join(page, name), 'utf8');
    if (contractJson !== undefined) return readFile(contractJson, 'utf8');
    return readFile(contract, 'utf8').then((text) => JSON.stringify(parse(text)));
  }
}
