import type { Schemas } from '../api/contract/load-contract.js';
import type {
  Artifact,
  EnvironmentValue,
  ExecutorResources,
  Network,
  ResourceLimits,
  UnreachableStrategy,
} from './app.js';
import type { LinuxInfo, PersistentVolume } from './container.js';

/** What a client sent about a pod, of the right shape: `null` the same as absent. */
export type PodInput = Schemas['PodInput'];

type Texts = Readonly<Record<string, string>>;
type Environment = Readonly<Record<string, EnvironmentValue>>;

/**
 * Containers that run together on one agent, normalised (Marathon reference 1.9): the shape that a read answers, without
 * its version. What is empty is absent.
 */
export interface PodDraft {
  readonly id: string;
  readonly labels?: Texts;
  readonly user?: string;
  /** Of every container; one of the same name in a container wins. */
  readonly environment?: Environment;
  readonly containers: readonly PodContainer[];
  readonly secrets?: Readonly<Record<string, { readonly source: string }>>;
  readonly volumes?: readonly PodVolume[];
  /** Absent: the host's. */
  readonly networks?: readonly Network[];
  readonly scaling: { readonly kind: string; readonly instances: number };
  readonly scheduling: PodScheduling;
  /** What the executor that holds the containers takes besides them. */
  readonly executorResources: ExecutorResources;
  readonly role: string;
  readonly linuxInfo?: LinuxInfo;
  readonly legacySharedCgroups?: boolean;
}

export interface PodContainer {
  readonly name: string;
  readonly exec?: { readonly command: PodCommand; readonly overrideEntrypoint?: boolean };
  readonly resources: PodResources;
  readonly resourceLimits?: ResourceLimits;
  readonly endpoints?: readonly PodEndpoint[];
  readonly image?: PodImage;
  readonly environment?: Environment;
  readonly user?: string;
  readonly healthCheck?: PodHealthCheck;
  readonly check?: PodCheck;
  readonly volumeMounts?: readonly VolumeMount[];
  readonly artifacts?: readonly Artifact[];
  readonly labels?: Texts;
  readonly lifecycle?: { readonly killGracePeriodSeconds?: number };
  readonly tty?: boolean;
  readonly linuxInfo?: LinuxInfo;
}

/** Exactly one of the two. */
export interface PodCommand {
  readonly shell?: string;
  readonly argv?: readonly string[];
}

export interface PodResources {
  readonly cpus: number;
  /** MiB. */
  readonly mem: number;
  /** MiB. */
  readonly disk: number;
  readonly gpus: number;
}

export interface PodEndpoint {
  readonly name: string;
  /** Absent with host networking only. */
  readonly containerPort?: number;
  /** 0: any; absent: no host port at all. */
  readonly hostPort?: number;
  readonly protocol?: readonly ('tcp' | 'udp')[];
  readonly labels?: Texts;
  /** The container networks it applies to; absent: all. */
  readonly networkNames?: readonly string[];
}

export interface PodImage {
  readonly kind: 'DOCKER';
  readonly id: string;
  readonly pullConfig?: { readonly secret: string };
  readonly forcePull?: boolean;
  readonly labels?: Texts;
}

/** How a check asks: exactly one of the three. Endpoints go by name, of the container's own. */
export interface PodProbe {
  readonly http?: { readonly endpoint: string; readonly path?: string; readonly scheme: 'HTTP' | 'HTTPS' };
  readonly tcp?: { readonly endpoint: string };
  readonly exec?: { readonly command: PodCommand };
}

/** Its result is only shown. */
export interface PodCheck extends PodProbe {
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly delaySeconds: number;
}

/** Carried out by the agent. */
export interface PodHealthCheck extends PodCheck {
  readonly gracePeriodSeconds: number;
  readonly maxConsecutiveFailures: number;
}

export interface VolumeMount {
  /** Of a volume of the pod. */
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}

/** Of the host, persistent, a secret, or with no kind given one that lives as long as its instance. */
export interface PodVolume {
  readonly name: string;
  readonly host?: string;
  readonly persistent?: PersistentVolume['persistent'];
  readonly secret?: string;
}

export interface PodScheduling {
  /** Seconds. */
  readonly backoff: {
    readonly backoff: number;
    readonly backoffFactor: number;
    readonly maxLaunchDelay: number;
  };
  readonly upgrade: { readonly minimumHealthCapacity: number; readonly maximumOverCapacity: number };
  readonly placement: {
    readonly constraints: readonly PodConstraint[];
    /** Empty: any that the pod may use. */
    readonly acceptedResourceRoles: readonly string[];
  };
  readonly killSelection: 'YOUNGEST_FIRST' | 'OLDEST_FIRST';
  readonly unreachableStrategy: UnreachableStrategy;
}

export interface PodConstraint {
  readonly fieldName: string;
  /** In capitals. */
  readonly operator: string;
  readonly value?: string;
}

/** Whether a pod keeps data on its agent. */
export const isResidentPod = ({ volumes = [] }: Pick<PodDraft, 'volumes'>): boolean =>
  volumes.some(({ persistent }) => persistent !== undefined);
