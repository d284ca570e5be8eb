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
    for (let block = 0; block < BLOCKS; block++) {
      const first = FIRST_PORT + block * BLOCK_PORTS;
      const file = join(dir, String(first));
      if (existsSync(file) && existsSync(`/proc/${readFileSync(file, 'utf8')}`)) continue;
      rmSync(file, { force: true });
      try {
        writeFileSync(file, String(process.pid), { flag: 'wx' });
        return new PortBlock(file, first);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    throw new Error(`all ${BLOCKS} blocks of test ports are taken; see ${dir}`);
  }

  release(): void {
    rmSync(this.file, { force: true });
  }
}
