import { readLogTarget } from '../config/log-target.js';
import type { Settings } from '../config/settings.js';
import type { TellingSettings } from '../proxy/listeners/worker-messages.js';

const MIB = 1_048_576;

/** What the settings say about what the load balancer tells. */
export function tellingSettings(
  settings: Pick<
    Settings,
    | 'lbAccessLog'
    | 'lbAccessLogTo'
    | 'lbAccessLogMiB'
    | 'lbAccessLogFiles'
    | 'lbLogQuery'
    | 'lbOmitServerMetrics'
    | 'lbAddress'
  >,
): TellingSettings {
  const { lbAccessLog: format, lbOmitServerMetrics: omitServerMetrics, lbAddress: address } = settings;
  if (format === 'off') return { omitServerMetrics, address };
  return {
    omitServerMetrics,
    address,
    accessLog: {
      format,
      to: readLogTarget(settings.lbAccessLogTo) ?? { kind: 'file' },
      maxBytes: settings.lbAccessLogMiB * MIB,
      files: settings.lbAccessLogFiles,
      withQuery: settings.lbLogQuery,
    },
  };
}
