import type { FromAgent } from '../protocol/agent-line.js';
import type { AgentLine } from './cluster.js';

/** Most messages kept while a registration is being made durable; beyond it they are dropped and the agent repeats them. */
const MAX_HELD = 10_000;

/** What the master remembers of one agent's line. */
export class AgentSession {
  /** Set once registered on this line. */
  agentId: string | undefined;
  /** Another line of the same agent has taken over; this one is deaf. */
  isReplaced = false;
  #registering = false;
  #asked = false;
  #held: FromAgent[] = [];

  constructor(readonly line: AgentLine) {}

  get isRegistering(): boolean {
    return this.#registering;
  }

  beginRegistering(): void {
    this.#registering = true;
  }

  /** Returns what came meanwhile. */
  endRegistering(): readonly FromAgent[] {
    this.#registering = false;
    const held = this.#held;
    this.#held = [];
    return held;
  }

  registered(agentId: string): void {
    this.agentId = agentId;
    this.#asked = false;
  }

  /** Keeps a message for after the registration; false when none is under way. */
  hold(message: FromAgent): boolean {
    if (this.#registering && this.#held.length < MAX_HELD) this.#held.push(message);
    return this.#registering;
  }

  /** Asks once for a REGISTER. */
  askToRegister(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.line.send({ type: 'REREGISTER' });
  }

  /** The registration on this line no longer holds: the agent must register again. */
  forget(): void {
    this.agentId = undefined;
    this.askToRegister();
  }

  replace(): void {
    this.isReplaced = true;
    this.agentId = undefined;
    this.line.close();
  }
}
