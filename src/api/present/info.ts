import { originList } from '../../config/origins.js';
import type { Settings } from '../../config/settings.js';
import { completeSettings } from '../../scheduler/scheduler-settings.js';
import { FAILOVER_TIMEOUT_SECONDS } from '../../scheduler/subscription.js';

/** What `GET /v2/info` is made of. */
export interface InfoFacts {
  readonly settings: Settings;
  readonly version: string;
  readonly frameworkId: string | undefined;
  /** `host:port` of the leader; undefined when there is none. */
  readonly leader: string | undefined;
  readonly httpPort: number;
  readonly masterUrl: string;
}

const FRAMEWORK_NAME = 'longrun';

/** Marathon's configuration keys, with our value where we have the thing; this resource shows `null` for the rest. */
function marathonConfig({ settings, masterUrl, httpPort }: InfoFacts): Readonly<Record<string, unknown>> {
  const origins = originList(settings.accessControlAllowOrigin);
  const scheduler = completeSettings({
    agentReregisterTimeoutSeconds: settings.agentReregisterTimeoutSeconds,
    frameworkName: FRAMEWORK_NAME,
    hostname: settings.hostname,
  });
  return {
    access_control_allow_origin: origins.length > 0 ? origins : null,
    checkpoint: true,
    decline_offer_duration: scheduler.refuseSeconds * 1_000,
    default_network_name: settings.defaultNetworkName ?? null,
    env_vars_prefix: settings.envVarsPrefix ?? null,
    executor: '//cmd',
    failover_timeout: FAILOVER_TIMEOUT_SECONDS,
    features: [],
    framework_name: FRAMEWORK_NAME,
    ha: false,
    hostname: settings.hostname,
    launch_token: null,
    launch_token_refresh_interval: null,
    leader_proxy_connection_timeout_ms: null,
    leader_proxy_read_timeout_ms: null,
    local_port_max: settings.servicePorts.max,
    local_port_min: settings.servicePorts.min,
    master: masterUrl,
    max_instances_per_offer: scheduler.maxInstancesPerOffer,
    mesos_bridge_name: settings.mesosBridgeName,
    mesos_heartbeat_failure_threshold: null,
    mesos_heartbeat_interval: null,
    mesos_leader_ui_url: `http://${masterUrl}/`,
    mesos_role: settings.mesosRole,
    mesos_user: settings.defaultUser,
    new_group_enforce_role: settings.newGroupEnforceRole,
    min_revive_offers_interval: null,
    offer_matching_timeout: null,
    on_elected_prepare_timeout: null,
    reconciliation_initial_delay: null,
    reconciliation_interval: scheduler.reconcileIntervalMs,
    scale_apps_initial_delay: null,
    scale_apps_interval: null,
    store_cache: true,
    task_launch_confirm_timeout: scheduler.launchConfirmTimeoutMs,
    task_launch_timeout: scheduler.launchTimeoutMs,
    task_lost_expunge_initial_delay: null,
    task_lost_expunge_interval: null,
    task_reservation_timeout: null,
    webui_url: `http://${settings.hostname}:${httpPort}`,
    maintenance_mode: false,
  };
}

const zookeeperKeys = [
  'zk',
  'zk_compression',
  'zk_compression_threshold',
  'zk_connection_timeout',
  'zk_max_node_size',
  'zk_max_versions',
  'zk_session_timeout',
  'zk_timeout',
] as const;

/** `GET /v2/info`. Unlike all other resources it shows what is unset as `null`. */
export function presentInfo(facts: InfoFacts): Readonly<Record<string, unknown>> {
  return {
    name: 'longrun',
    version: facts.version,
    buildref: facts.version,
    elected: facts.leader !== undefined,
    leader: facts.leader ?? null,
    frameworkId: facts.frameworkId ?? null,
    marathon_config: marathonConfig(facts),
    zookeeper_config: Object.fromEntries(zookeeperKeys.map((key) => [key, null])),
    http_config: { http_port: facts.httpPort, https_port: null },
  };
}
