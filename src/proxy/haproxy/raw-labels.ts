import type { Log } from '../../logging/log.js';
import type { RoutingTable, Service } from '../table.js';
import type { TlsFacts } from './decide/certificates.js';
import { type LayoutSettings, makeLayout } from './decide/layout.js';
import { NO_PLAN, planChange } from './decide/plan-change.js';
import { linesWithoutEffect } from './decide/raw-lines.js';
import { render } from './decide/render.js';
import type { HaproxyProcess } from './haproxy-process.js';

const MAX_SAID = 300;

interface Verdict {
  /** What was judged. */
  readonly mark: string;
  readonly port: number;
  /** What HAProxy has against it; undefined: nothing. */
  readonly complaint: string | undefined;
  /** Lines that count for no app. */
  readonly without: readonly string[];
}

/**
 * What apps say in HAProxy's own language: each is shown to HAProxy alone, in a configuration without the others, before it stands beside
 * them. So no app keeps others from being served, and what leans on another app's sections is not taken.
 */
export class RawLabels {
  readonly #verdicts = new Map<string, Verdict>();

  constructor(
    private readonly settings: LayoutSettings,
    private readonly haproxy: Pick<HaproxyProcess, 'complaint'>,
    private readonly log: Log,
  ) {}

  /** Service ports that are served without it, and why. */
  get leftOut(): Readonly<Record<number, string>> {
    const told: Record<number, string> = {};
    for (const { port, complaint, without } of this.#verdicts.values()) {
      if (complaint !== undefined) told[port] = `its labels in HAProxy's language are left out: ${complaint}`;
      else if (without.length > 0)
        told[port] =
          `these lines of its labels in HAProxy's language are left out, no app may say them: ${quoted(without)}`;
    }
    return told;
  }

  /** Services (by key) whose lines HAProxy takes. */
  async judge(services: RoutingTable['services'], tls: TlsFacts): Promise<ReadonlySet<string>> {
    const taken = new Set<string>();
    if (!this.settings.rawLabels) return taken;
    for (const key of this.#verdicts.keys()) if (!services[key]?.raw) this.#verdicts.delete(key);
    for (const [key, service] of Object.entries(services)) {
      if (!service.raw) continue;
      const alone: Service = { ...service, servers: [], wanted: 0 };
      const mark = JSON.stringify(alone);
      let verdict = this.#verdicts.get(key);
      if (verdict?.mark !== mark) {
        const complaint = await this.#complaint(key, alone, tls);
        verdict = { mark, port: service.servicePort, complaint, without: linesWithoutEffect(service) };
        this.#verdicts.set(key, verdict);
        if (complaint !== undefined) this.#warn(service, complaint);
      }
      if (verdict.complaint === undefined) taken.add(key);
    }
    return taken;
  }

  /** They are taken one by one, and not together: none counts from now on. False: none did. */
  leaveAllOut(said: string): boolean {
    let any = false;
    for (const [key, verdict] of this.#verdicts) {
      if (verdict.complaint !== undefined) continue;
      any = true;
      this.#verdicts.set(key, { ...verdict, complaint: inShort(said) });
    }
    if (any)
      this.log.warn('labels in HAProxy’s language are left out: HAProxy takes none of them together', {
        said: said.slice(0, 2_000),
      });
    return any;
  }

  async #complaint(key: string, alone: Service, tls: TlsFacts): Promise<string | undefined> {
    const layout = makeLayout({ [key]: alone }, this.settings, {
      addressOf: () => undefined,
      portRefused: () => undefined,
      refused: new Set(),
      raw: new Set([key]),
      tls,
    });
    const complaint = await this.haproxy.complaint(render(planChange(NO_PLAN, layout).reload ?? NO_PLAN));
    return complaint && inShort(complaint.text);
  }

  #warn({ appId, servicePort }: Service, said: string): void {
    this.log.warn('an app is served without its labels in HAProxy’s language: HAProxy does not take them', {
      app: appId,
      servicePort,
      said,
    });
  }
}

/** A few lines, each made safe to show. */
function quoted(lines: readonly string[]): string {
  const text = lines.map((line) => JSON.stringify(line)).join(', ');
  return text.length > MAX_SAID ? `${text.slice(0, MAX_SAID)} ...` : text;
}

/** The first thing that HAProxy complains of, without where it stood in a configuration that nobody sees. */
function inShort(said: string): string {
  const [, first = said] = /\[ALERT\][^:]*: (?:config : )?(.*)/.exec(said) ?? [];
  return first
    .replace(/parsing \[haproxy\.cfg:\d+\] ?:? ?/, '')
    .trim()
    .slice(0, MAX_SAID);
}
