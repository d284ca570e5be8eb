import type { Labels, Parameter, Parameters, Secret, Value } from './values.js';

/** How a task is contained: images, volumes, networks, Linux particulars. */
export interface ContainerInfo {
  readonly type: 'DOCKER' | 'MESOS';
  readonly volumes?: readonly Volume[];
  readonly hostname?: string;
  readonly docker?: DockerInfo;
  readonly mesos?: { readonly image?: Image };
  readonly network_infos?: readonly NetworkInfo[];
  readonly linux_info?: LinuxInfo;
  readonly rlimit_info?: { readonly rlimits?: readonly RLimit[] };
  readonly tty_info?: { readonly window_size?: { readonly rows: number; readonly columns: number } };
}

export interface DockerInfo {
  readonly image: string;
  /** Unset = HOST. */
  readonly network?: 'HOST' | 'BRIDGE' | 'NONE' | 'USER';
  readonly port_mappings?: readonly PortMapping[];
  readonly privileged?: boolean;
  readonly parameters?: readonly Parameter[];
  readonly force_pull_image?: boolean;
  /** Deprecated by volumes with a source. */
  readonly volume_driver?: string;
}

export interface PortMapping {
  readonly host_port: number;
  readonly container_port: number;
  readonly protocol?: string;
}

export interface Image {
  readonly type: 'APPC' | 'DOCKER';
  readonly appc?: { readonly name: string; readonly id?: string; readonly labels?: Labels };
  readonly docker?: { readonly name: string; readonly config?: Secret };
  /** Unset = true: a cached image is used when there is one. */
  readonly cached?: boolean;
}

/** Exactly one of host_path, image and source says where it comes from. */
export interface Volume {
  readonly mode: 'RW' | 'RO';
  readonly container_path: string;
  readonly host_path?: string;
  readonly image?: Image;
  readonly source?: VolumeSource;
}

export interface VolumeSource {
  readonly type?: 'DOCKER_VOLUME' | 'HOST_PATH' | 'SANDBOX_PATH' | 'SECRET' | 'CSI_VOLUME';
  readonly docker_volume?: {
    readonly driver?: string;
    readonly name: string;
    readonly driver_options?: Parameters;
  };
  readonly host_path?: {
    readonly path: string;
    readonly mount_propagation?: { readonly mode?: 'HOST_TO_CONTAINER' | 'BIDIRECTIONAL' };
  };
  readonly sandbox_path?: { readonly type?: 'SELF' | 'PARENT'; readonly path: string };
  readonly secret?: Secret;
  readonly csi_volume?: {
    readonly plugin_name: string;
    readonly static_provisioning?: CsiStaticProvisioning;
  };
}

export interface CsiStaticProvisioning {
  readonly volume_id: string;
  readonly volume_capability: {
    readonly block?: Readonly<Record<string, never>>;
    readonly mount?: { readonly fs_type?: string; readonly mount_flags?: readonly string[] };
    readonly access_mode: {
      readonly mode:
        | 'SINGLE_NODE_WRITER'
        | 'SINGLE_NODE_READER_ONLY'
        | 'MULTI_NODE_READER_ONLY'
        | 'MULTI_NODE_SINGLE_WRITER'
        | 'MULTI_NODE_MULTI_WRITER';
    };
  };
  readonly node_stage_secrets?: Readonly<Record<string, Secret>>;
  readonly node_publish_secrets?: Readonly<Record<string, Secret>>;
  readonly volume_context?: Readonly<Record<string, string>>;
}

export interface NetworkInfo {
  readonly ip_addresses?: readonly IpAddress[];
  readonly name?: string;
  readonly groups?: readonly string[];
  readonly labels?: Labels;
  readonly port_mappings?: readonly PortMapping[];
}

/** Both absent in a request: any address of the network will do. In a status the agent has filled it in. */
export interface IpAddress {
  /** Unset = IPv4. */
  readonly protocol?: 'IPv4' | 'IPv6';
  readonly ip_address?: string;
}

export interface LinuxInfo {
  readonly capability_info?: CapabilityInfo;
  readonly bounding_capabilities?: CapabilityInfo;
  readonly effective_capabilities?: CapabilityInfo;
  readonly share_pid_namespace?: boolean;
  readonly seccomp?: { readonly profile_name?: string; readonly unconfined?: boolean };
  readonly ipc_mode?: 'PRIVATE' | 'SHARE_PARENT';
  /** MiB. */
  readonly shm_size?: number;
  /** Unset = true. */
  readonly share_cgroups?: boolean;
}

/** Names without `CAP_`, for example `NET_BIND_SERVICE`. */
export interface CapabilityInfo {
  readonly capabilities?: readonly string[];
}

/** Both limits absent = unlimited. `type` is `RLMT_NOFILE` and the like. */
export interface RLimit {
  readonly type?: `RLMT_${string}`;
  readonly hard?: number;
  readonly soft?: number;
}

/** What the agent says of a running container. */
export interface ContainerStatus {
  readonly container_id?: Value<string>;
  readonly network_infos?: readonly {
    readonly name?: string;
    readonly ip_addresses?: readonly { readonly protocol?: 'IPv4' | 'IPv6'; readonly ip_address: string }[];
    readonly groups?: readonly string[];
    readonly labels?: Labels;
    readonly port_mappings?: readonly PortMapping[];
  }[];
  readonly cgroup_info?: { readonly net_cls?: { readonly classid?: number } };
  readonly executor_pid?: number;
}
