export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
}

/** The key of Docker's own registry in its configuration files. */
const DOCKER_HUB = 'https://index.docker.io/v1/';

/** The registry that an image comes from, as `docker pull` reads its name: the first part when it looks like a host. */
export function registryOf(image: string): string {
  const slash = image.indexOf('/');
  const first = slash === -1 ? '' : image.slice(0, slash);
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost';
  return isHost ? first : DOCKER_HUB;
}

/** Without scheme and path, so that `https://registry.example.com/v1/` and `registry.example.com` are the same. */
function hostOfKey(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The login for an image's registry in the text of `~/.docker/config.json` (its `auths`) or of an old `.dockercfg`; undefined
 * when there is none. Throws SyntaxError or TypeError for a text that is neither.
 */
export function registryLogin(text: string, image: string): RegistryLogin | undefined {
  const config: unknown = JSON.parse(text);
  if (!isObject(config)) throw new TypeError('it is no JSON object');
  const auths = 'auths' in config ? config['auths'] : config;
  if (!isObject(auths)) return undefined;
  const registry = registryOf(image);
  const key = Object.keys(auths).find((each) => each === registry || hostOfKey(each) === hostOfKey(registry));
  const entry = key === undefined ? undefined : auths[key];
  if (!isObject(entry)) return undefined;
  const pair = typeof entry['auth'] === 'string' ? Buffer.from(entry['auth'], 'base64').toString() : '';
  const colon = pair.indexOf(':');
  const username = colon === -1 ? entry['username'] : pair.slice(0, colon);
  const password = colon === -1 ? entry['password'] : pair.slice(colon + 1);
  if (typeof username !== 'string' || typeof password !== 'string') return undefined;
  return { username, password, serveraddress: registry };
}
