import type { Service } from '../../table.js';

/** A keyword, as it stands: what is quoted or escaped there could be the beginning of another section. */
const keyword = /^([a-z][a-z0-9_-]*)(?:\s|$)/;
/** These begin a section, which would be somebody else's; or show and change what belongs to all. */
const notOfAnApp: ReadonlySet<string> = new Set(
  (
    'global defaults frontend backend listen ruleset userlist peers mailers resolvers cache program http-errors ring ' +
    'log-forward fcgi-app namespace_list traces log-profile acme crt-store stats server server-template bind'
  ).split(' '),
);
/** Maps and lists say whose requests are whose. */
const changesMaps = /\b(?:set|add|del)-(?:map|acl)\s*\(/i;

/** Lines that an app's labels say in HAProxy's own language, with marathon-lb's placeholders filled in. */
export function rawLines(
  lines: readonly string[] = [],
  backend: string,
  service: Service,
): readonly string[] {
  return lines.map((given) => filledIn(given.trim(), backend, service)).filter(mayCount);
}

/** Those of an app's lines that never count, as the app gives them. */
export function linesWithoutEffect(service: Service): readonly string[] {
  const given = [...(service.raw?.frontend ?? []), ...(service.raw?.backend ?? [])];
  return given.map((line) => line.trim()).filter((line) => !mayCount(filledIn(line, 'backend', service)));
}

function mayCount(line: string): boolean {
  const [, first] = keyword.exec(line) ?? [];
  return (
    first !== undefined && !notOfAnApp.has(first) && !changesMaps.test(line) && !/[^\P{Cc}\t]/u.test(line)
  );
}

/** The same for the words of a server line. */
export function rawWords(
  words: readonly string[] = [],
  backend: string,
  service: Service,
): readonly string[] {
  const text = filledIn(words.join(' '), backend, service);
  return text === '' || /\p{Cc}/u.test(text) ? [] : [text];
}

/** Templates double the braces that are meant; `{word}` stands for a value. */
function filledIn(text: string, backend: string, service: Service): string {
  const { appId, servicePort, mode, vhosts, balance = 'roundrobin', bindAddress = '*' } = service;
  const [hostname = ''] = vhosts;
  const values: Readonly<Record<string, string>> = {
    backend,
    appId,
    servicePort: String(servicePort),
    mode,
    balance,
    bindAddr: bindAddress,
    hostname,
    cleanedUpHostname: hostname.replace(/[^a-zA-Z0-9-]/g, '_'),
  };
  return text.replace(/\{\{|\}\}|\{(\w+)\}/g, (whole, name: string | undefined) =>
    name === undefined ? whole.slice(1) : ((Object.hasOwn(values, name) ? values[name] : undefined) ?? whole),
  );
}
