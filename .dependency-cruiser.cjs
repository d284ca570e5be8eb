// The directions of ARCHITECTURE.md: wants go down, facts come up, nothing jumps a floor.
const room = (name) => `^src/${name}/`;
const leaf = ['store', 'events', 'metrics', 'logging', 'util', 'errors', 'config'];
const forbid = (name, from, to, comment) => ({ name, severity: 'error', comment, from, to });

module.exports = {
  forbidden: [
    forbid('no-circular', {}, { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }, 'rooms and files form no cycles'),
    forbid('nothing-imports-cli-or-server', { pathNot: '^src/(cli|server)/' }, { path: '^src/(cli|server)/' }, 'composition roots are at the top'),
    forbid('server-not-cli', { path: room('server') }, { path: '^src/cli/(?!process-messages|child-entry|entries)' }, 'the server knows only how it is run as a child'),
    forbid('nothing-imports-api', { pathNot: '^src/(api|server|cli)/' }, { path: '^src/api/(?!contract/)' }, 'the API is above everything it shows'),
    forbid('apps-know-nobody', { path: room('apps') }, { path: '^src/(api/(?!contract)|deployments|scheduler|health|proxy|embedded-mesos)/' }, 'what is wanted does not know how it is done'),
    forbid('scheduler-below-deployments', { path: room('scheduler') }, { path: '^src/(deployments|health|proxy|api)/' }, 'the scheduler serves the rooms above'),
    forbid('scheduler-only-protocol', { path: room('scheduler') }, { path: '^src/embedded-mesos/(?!protocol)' }, 'one protocol below the scheduler'),
    forbid('embedded-mesos-stands-alone', { path: room('embedded-mesos') }, { path: `^src/(?!embedded-mesos|${leaf.join('|')})` }, 'it could be its own package'),
    forbid('health-and-proxy-see-read-models', { path: '^src/(health|proxy)/' }, { path: '^src/scheduler/(?!instance|scheduler)' }, 'not the scheduler’s insides'),
    forbid('leaves-are-leaves', { path: `^src/(${leaf.join('|')})/` }, { path: `^src/(?!${leaf.join('|')})` }, 'common rooms import no room'),
    forbid('decide-is-pure', { path: '/decide/' }, { path: '^(node:)?(fs|fs/promises|net|http|https|child_process|dgram|tls|timers|os|dns|worker_threads|cluster|crypto/webcrypto)$' }, 'decisions read no clock, timer, dice, file or socket'),
  ],
  options: { tsPreCompilationDeps: true, tsConfig: { fileName: 'tsconfig.json' }, doNotFollow: { path: 'node_modules' }, includeOnly: '^src|^node:|^(fs|net|http)$' },
};
