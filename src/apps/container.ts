/** The `container` of an app, normalised (Marathon reference 2.3). */
export interface Container {
  /** MESOS: the agent's own containerizer, with or without an image; DOCKER: the Docker engine. */
  readonly type: 'MESOS' | 'DOCKER';
  readonly docker?: DockerImage;
  readonly volumes: readonly Volume[];
  /** Absent with host networking. */
  readonly portMappings?: readonly PortMapping[];
  readonly linuxInfo?: LinuxInfo;
}

export interface DockerImage {
  readonly image: string;
  readonly forcePullImage: boolean;
  /** Docker engine only. */
  readonly privileged: boolean;
  /** Further flags of `docker run`; Docker engine only. Absent when there are none. */
  readonly parameters?: readonly { readonly key: string; readonly value: string }[];
  /** Names the secret that holds the registry's credentials; MESOS only. */
  readonly pullConfig?: { readonly secret: string };
}

export interface PortMapping {
  /** 0: the host port that was allocated. */
  readonly containerPort: number;
  /** 0: any; absent: no host port at all. */
  readonly hostPort?: number;
  /** 0 only before assignment. */
  readonly servicePort: number;
  readonly protocol: 'tcp' | 'udp' | 'udp,tcp';
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The container networks it applies to; absent: all. */
  readonly networkNames?: readonly string[];
}

/** Told apart by the member that only one kind has. */
export type Volume = HostVolume | PersistentVolume | ExternalVolume | SecretVolume;

export interface HostVolume {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly mode: VolumeMode;
}

export interface PersistentVolume {
  /** Relative to the sandbox, one segment. */
  readonly containerPath: string;
  readonly mode: VolumeMode;
  readonly persistent: {
    /** MiB. */
    readonly size: number;
    readonly type: 'root' | 'path' | 'mount';
    /** MiB. */
    readonly maxSize?: number;
    readonly profileName?: string;
    /** `["path", "LIKE" | "UNLIKE", expression]`. */
    readonly constraints?: readonly (readonly string[])[];
  };
}

export interface ExternalVolume {
  readonly containerPath: string;
  readonly mode: VolumeMode;
  readonly external: {
    readonly provider: 'dvdi' | 'csi';
    readonly name?: string;
    /** GiB. */
    readonly size?: number;
    readonly shared: boolean;
    readonly options?: ExternalVolumeOptions;
  };
}

export interface SecretVolume {
  readonly containerPath: string;
  readonly secret: string;
  /** The file gets the secret's new value while the task runs, which is not restarted for it; absent: it is restarted. */
  readonly refresh?: true;
}

export type VolumeMode = 'RO' | 'RW';

/** DVDI: texts whose names have a slash (`dvdi/driver`); CSI: `pluginName`, `capability` and what belongs to them. */
export type ExternalVolumeOptions = Readonly<Record<string, ExternalVolumeOption>>;
export type ExternalVolumeOption = string | Readonly<Record<string, string | readonly string[]>>;

export interface LinuxInfo {
  readonly seccomp?: { readonly profileName?: string; readonly unconfined: boolean };
  readonly ipcInfo?: { readonly mode: 'PRIVATE' | 'SHARE_PARENT'; readonly shmSize?: number };
}

export const isPersistent = (volume: Volume): volume is PersistentVolume => 'persistent' in volume;
export const isExternal = (volume: Volume): volume is ExternalVolume => 'external' in volume;
export const isSecretVolume = (volume: Volume): volume is SecretVolume => 'secret' in volume;

/** Whether an app with this container keeps data on its agent: it has persistent volumes (Marathon calls it resident). */
export function isResident({ container }: { readonly container?: Container }): boolean {
  return container?.volumes.some(isPersistent) ?? false;
}
