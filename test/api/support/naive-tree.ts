/** Apps and groups as plain maps, changed by the rules of groups read as simply as they can be: a tree is walked whole. */
export class NaiveTree {
  /** Instances by app. */
  readonly apps: Map<string, number>;
  readonly groups: Set<string>;

  constructor(apps: Iterable<readonly [string, number]> = [], groups: Iterable<string> = []) {
    this.apps = new Map(apps);
    this.groups = new Set(groups);
  }

  copy(): NaiveTree {
    return new NaiveTree(this.apps, this.groups);
  }

  /** What lies in `group`, and the group itself, as text. */
  below(group: string): string[] {
    const inside = (path: string): boolean => within(path, group);
    return [
      ...[...this.apps].filter(([id]) => inside(id)).map(([id, instances]) => `${id} x${instances}`),
      ...[...this.groups].filter(inside).map((path) => `${path}/`),
    ].sort();
  }

  putApp(id: string, instances: number): boolean {
    this.apps.set(id, instances);
    return this.settle();
  }

  deleteApp(id: string): boolean {
    return this.apps.delete(id);
  }

  deleteGroup(group: string): boolean {
    if (group !== '/' && !this.groups.has(group)) return false;
    this.empty(group);
    return true;
  }

  putGroup(group: string, wanted: WantedGroup): boolean {
    this.want(group, wanted);
    return this.settle();
  }

  restore(group: string, then: NaiveTree): boolean {
    if (group !== '/' && !then.groups.has(group)) return false;
    this.empty(group);
    for (const [id, instances] of then.apps) if (within(id, group)) this.apps.set(id, instances);
    for (const path of then.groups) if (within(path, group)) this.groups.add(path);
    return this.settle();
  }

  scale(group: string, by: number): boolean {
    if (group !== '/' && !this.groups.has(group)) return false;
    for (const [id, instances] of this.apps)
      if (within(id, group)) this.apps.set(id, Math.ceil(instances * by));
    return true;
  }

  private want(group: string, { apps, groups }: WantedGroup): void {
    if (group !== '/') this.groups.add(group);
    for (const path of groups ? [...this.groups] : [])
      if (
        parent(path) === group &&
        path !== '/' &&
        !(path.slice(path.lastIndexOf('/') + 1) in (groups ?? {}))
      )
        this.empty(path);
    if (apps) {
      for (const id of [...this.apps.keys()]) if (parent(id) === group) this.apps.delete(id);
      for (const [name, instances] of Object.entries(apps)) this.apps.set(join(group, name), instances);
    }
    for (const [name, child] of Object.entries(groups ?? {})) this.want(join(group, name), child);
  }

  private empty(group: string): void {
    for (const id of [...this.apps.keys()]) if (within(id, group) && id !== group) this.apps.delete(id);
    for (const path of [...this.groups]) if (within(path, group)) this.groups.delete(path);
  }

  /** Makes the groups around everything; false when a path is both, or something lies below an app. */
  private settle(): boolean {
    const inUse = new Set<string>();
    for (const path of [...this.apps.keys(), ...this.groups])
      for (let up = parent(path); up !== '/'; up = parent(up)) inUse.add(up);
    for (const path of inUse) this.groups.add(path);
    for (const id of this.apps.keys()) if (inUse.has(id)) return false;
    return true;
  }

  /** An app takes the place of an empty group, unless the very same request wants the group. */
  giveWay(wanted: ReadonlySet<string>): boolean {
    for (const id of this.apps.keys()) {
      if (!this.groups.has(id)) continue;
      if (wanted.has(id)) return false;
      this.groups.delete(id);
    }
    return true;
  }
}

export interface WantedGroup {
  readonly apps?: Readonly<Record<string, number>> | undefined;
  readonly groups?: Readonly<Record<string, WantedGroup>> | undefined;
}

export const within = (path: string, group: string): boolean =>
  group === '/' || path === group || path.startsWith(`${group}/`);
export const parent = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')));
export const join = (group: string, name: string): string =>
  group === '/' ? `/${name}` : `${group}/${name}`;
