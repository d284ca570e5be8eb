/** What a container of the Docker engine needs beyond what every container needs. */
export interface DockerSpec {
  readonly taskId: string;
  readonly image: string;
  readonly forcePullImage: boolean;
  readonly privileged: boolean;
  readonly network:
    | { readonly kind: 'host' | 'bridge' | 'none' }
    | { readonly kind: 'user'; readonly name: string };
  readonly portMappings: readonly DockerPort[];
  /** Further flags of `docker run`, without their dashes. */
  readonly parameters: readonly { readonly key: string; readonly value: string }[];
  readonly volumes: readonly DockerVolume[];
  /** On a terminal of its own: all output is standard output. */
  readonly tty?: boolean;
  /** A file with logins of registries that is the task's own, as `docker login` writes it; it comes before all others. */
  readonly loginPath?: string;
  /** As the image's own user when absent. */
  readonly user?: string;
}

export interface DockerPort {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
}

/** A folder or file of the host. */
export interface DockerVolume {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
}

/** What the agent's operator allows. */
export interface DockerRules {
  readonly allowPrivileged: boolean;
  /** Names of parameters allowed beyond those that cannot reach out of the container. */
  readonly allowParameters: readonly string[];
}
