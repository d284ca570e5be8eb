import { Agent } from 'undici';
import type { AgentId, TaskId } from '../scheduler/instance.js';
import { LOOKED_AT_BYTES } from './decide/last-lines.js';

const CONNECT_MS = 3_000;
const ANSWER_MS = 5_000;

export interface Tail {
  readonly text: string;
  /** It begins later than the stream does. */
  readonly torn: boolean;
}

/** The end of what a task wrote. Rejects with a sentence. */
export interface ReadsOutput {
  tail(agentId: AgentId, taskId: TaskId, stream: 'stdout' | 'stderr'): Promise<Tail>;
}

export interface OutputReaderOptions {
  readonly agents: {
    byId(agentId: AgentId): { readonly hostname: string; readonly port: number } | undefined;
  };
  /** What agents want to see before they show a sandbox. */
  readonly agentToken: string;
}

interface Piece {
  readonly offset: number;
  readonly data: string;
}

/** Reads ends of tasks' output where they lie: on their agents, by the way on which sandboxes are read. */
export class OutputReader implements ReadsOutput {
  readonly #agent = new Agent({
    connections: 8,
    connect: { timeout: CONNECT_MS },
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
  });

  constructor(private readonly options: OutputReaderOptions) {}

  async tail(agentId: AgentId, taskId: TaskId, stream: 'stdout' | 'stderr'): Promise<Tail> {
    const agent = this.options.agents.byId(agentId);
    if (agent === undefined) throw new Error(`agent ${agentId} is not registered`);
    const host = agent.hostname.includes(':') ? `[${agent.hostname}]` : agent.hostname;
    const url = new URL(`http://${host}:${agent.port}/files/read`);
    url.searchParams.set('path', `/tasks/${taskId}/${stream}`);
    const { offset: size } = await this.#read(url, -1);
    const from = Math.max(0, size - LOOKED_AT_BYTES);
    const { data } = size === 0 ? { data: '' } : await this.#read(url, from);
    return { text: data, torn: from > 0 };
  }

  async stop(): Promise<void> {
    await this.#agent.destroy();
  }

  async #read(url: URL, offset: number): Promise<Piece> {
    url.searchParams.set('offset', String(offset));
    if (offset >= 0) url.searchParams.set('length', String(LOOKED_AT_BYTES));
    const { statusCode, body } = await this.#agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'GET',
      headers: { host: url.host, authorization: `Bearer ${this.options.agentToken}` },
    });
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`its agent answers ${statusCode}`);
    }
    const piece = (await body.json()) as Partial<Piece>;
    if (typeof piece.offset !== 'number' || typeof piece.data !== 'string')
      throw new Error('its agent answers something else than a piece of a file');
    return { offset: piece.offset, data: piece.data };
  }
}
