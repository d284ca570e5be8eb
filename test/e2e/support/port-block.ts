import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Below the kernel's ephemeral ports, above the defaults of a longrun that somebody runs on this host. */
const FIRST_PORT = 20_200;
const BLOCK_PORTS = 200;
const BLOCKS = 54;

/** A share of the host's ports for one longrun under test: its service ports and its tasks' host ports. */
export class PortBlock {
  private constructor(
    private readonly file: string,
    readonly first: number,
  ) {}

  get servicePorts(): string {
    return `${this.first}-${this.first + 99}`;
  }

  get hostPorts(): string {
    return `${this.first + 100}-${this.first + 199}`;
  }

  /** Takes a block that no living test process holds. */
  static take(): PortBlock {
    const dir = join(tmpdir(), 'longrun-e2e-ports');
    mkdirSync(dir, { recursive: true });
    const files = Array.from({ length: BLOCKS }, (_, block) => join(dir, String(firstOf(block))));
    let taken = takeOne(files);
    if (taken === undefined) {
      removeDead(files);
      taken = takeOne(files);
    }
    if (taken === undefined) throw new Error(`all ${BLOCKS} blocks of test ports are taken; see ${dir}`);
    return new PortBlock(files[taken] ?? '', firstOf(taken));
  }

  release(): void {
    rmSync(this.file, { force: true });
  }
}

function firstOf(block: number): number {
  return FIRST_PORT + block * BLOCK_PORTS;
}

/** The number of the first file that was not there, which it makes; nothing that is there is touched. */
function takeOne(files: readonly string[]): number | undefined {
  const taken = files.findIndex((file) => {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return false;
    }
  });
  return taken < 0 ? undefined : taken;
}

/**
 * What killed test processes left: only when nothing else is left, since between a look and a removal another may take it, and since
 * whatever else they left may still have those ports.
 */
function removeDead(files: readonly string[]): void {
  for (const file of files)
    if (!existsSync(`/proc/${readFileSync(file, 'utf8')}`)) rmSync(file, { force: true });
}
