import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../../logging/log.js';
import type { ContainerSpec } from '../containerizer.js';
import {
  attachScript,
  type BridgePlace,
  bridgePrefix,
  detachScript,
  freeAddress,
  gatewayOf,
  networkName,
  rulesText,
} from '../decide/bridge-network.js';

/** Containers in the network at once: each has a few rules, and all of them are replaced in one stroke. */
const MAX_PLACES = 4_096;
const PROGRAM_LIMIT_MS = 20_000;
const FORWARD = '/proc/sys/net/ipv4/ip_forward';

export interface BridgeNetworksOptions {
  /** A folder of its own, for who has which address. */
  readonly folder: string;
  /** Names everything of ours on this host. */
  readonly instanceId: string;
  readonly log: Log;
}

/**
 * Networks of their own for plain processes: a namespace and a wire each, and one table of the packet filter in which ports of the
 * host lead to containers.
 *
 * INVARIANTS
 * - An address is written down before anything is made with it, and given up only after everything of it is gone.
 * - Changes of the table follow each other; it is always made from all places, so it can be made again at any time.
 * - Nothing is touched that does not bear this work dir's name.
 */
export class BridgeNetworks {
  readonly #places = new Map<string, BridgePlace>();
  #prefix: string | undefined;
  #last = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: BridgeNetworksOptions) {}

  /** Takes over the networks of `known` containers, with the rules for them, and removes all others of this work dir. */
  async start(known: ReadonlySet<string>): Promise<void> {
    const { folder, instanceId, log } = this.options;
    if (!existsSync(folder)) return;
    const others: string[] = [];
    for (const id of readdirSync(folder)) {
      const place = this.#read(id);
      if (place && known.has(id) && existsSync(`/run/netns/${networkName(instanceId, id)}`))
        this.#places.set(id, place);
      else others.push(id);
    }
    for (const id of others) await this.detach(id);
    this.#prefix = prefixOf([...this.#places.values()]) ?? undefined;
    if (this.#places.size === 0) return;
    await this.#inTurn(() => this.#applyRules()).catch((error: unknown) =>
      log.error('ports of containers with a network of their own may not be reached', {
        error: (error as Error).message,
      }),
    );
  }

  /** Gives a container its network (idempotent) and tells the namespace's name. Throws why it cannot be had on this host. */
  attach(id: string, bridge: NonNullable<ContainerSpec['bridge']>): Promise<string> {
    return this.#inTurn(async () => {
      const { instanceId } = this.options;
      const name = networkName(instanceId, id);
      if (this.#places.has(id) && existsSync(`/run/netns/${name}`)) return name;
      const { address, gateway } = this.#findPlace();
      const place: BridgePlace = { address, portMappings: bridge.portMappings };
      await this.#write(id, place);
      this.#places.set(id, place);
      try {
        this.#forward();
        await run('/bin/sh', ['-c', attachScript(instanceId, id, address, gateway)]);
        await this.#applyRules();
      } catch (error) {
        await this.#remove(id);
        throw new Error(`a network of its own cannot be made on this host: ${(error as Error).message}`, {
          cause: error,
        });
      }
      return name;
    });
  }

  /** The container's address in the network; undefined when it has none. */
  addressOf(id: string): string | undefined {
    return this.#places.get(id)?.address;
  }

  /** Takes everything away that was made for a container, or is just being made; harmless when there is nothing. */
  detach(id: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#places.has(id) || existsSync(join(this.options.folder, id))) await this.#remove(id);
    });
  }

  async #remove(id: string): Promise<void> {
    const { instanceId, folder, log } = this.options;
    const place = this.#places.get(id);
    this.#places.delete(id);
    try {
      if (place) await this.#applyRules();
      await run('/bin/sh', ['-c', detachScript(instanceId, id)]);
      rmSync(join(folder, id), { force: true });
    } catch (error) {
      log.warn('the network of an ended container is removed at the next start only', {
        container: id,
        error: (error as Error).message,
      });
    }
  }

  #findPlace(): { readonly address: string; readonly gateway: string } {
    if (this.#places.size >= MAX_PLACES)
      throw new Error(`${MAX_PLACES} containers of this agent have a network of their own already`);
    const routes = readFileSync('/proc/net/route', 'latin1');
    this.#prefix ??= bridgePrefix(routes);
    if (this.#prefix === undefined) throw new Error('the host has use for every network that could be taken');
    const taken = new Set([...this.#places.values()].map(({ address }) => address));
    const found = freeAddress(this.#prefix, routes, taken, this.#last);
    if (!found) throw new Error('every address of its network is taken');
    this.#last = found.index;
    return { address: found.address, gateway: gatewayOf(this.#prefix) };
  }

  #forward(): void {
    if (readFileSync(FORWARD, 'latin1').trim() === '1') return;
    writeFileSync(FORWARD, '1');
    this.options.log.warn('this host now forwards packets, for containers with a network of their own', {
      file: FORWARD,
    });
  }

  async #applyRules(): Promise<void> {
    const text = rulesText(this.options.instanceId, this.#prefix ?? '', [...this.#places.values()]);
    await run('nft', ['-f', '-'], text);
  }

  #read(id: string): BridgePlace | undefined {
    try {
      return JSON.parse(readFileSync(join(this.options.folder, id), 'utf8')) as BridgePlace;
    } catch {
      // Torn by a crash of the machine: nothing of it is there any more.
      return undefined;
    }
  }

  async #write(id: string, place: BridgePlace): Promise<void> {
    mkdirSync(this.options.folder, { recursive: true, mode: 0o700 });
    const path = join(this.options.folder, id);
    await writeFile(`${path}.new`, JSON.stringify(place), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

function prefixOf([first]: readonly BridgePlace[]): string | undefined {
  return first?.address.split('.').slice(0, 2).join('.');
}

/** Runs a program to its end; throws with what it complained of. */
function run(program: string, args: readonly string[], input = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { timeout: PROGRAM_LIMIT_MS, cwd: '/' },
      (error, _stdout, stderr) => {
        if (!error) resolve();
        else reject(new Error(stderr.trim().split('\n')[0] || error.message, { cause: error }));
      },
    );
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
