/** What is asked for behind `/haproxy?`. */
export interface StatsQuery {
  readonly form: 'page' | 'csv' | 'json';
  /** Servers that get no requests are left out. */
  readonly onlyUp: boolean;
  readonly noRefresh: boolean;
  /** Key of the app that is shown in full. */
  readonly app: string | undefined;
}

/** Reads HAProxy's way of asking, `stats;csv;norefresh;up`, in any order; what means nothing is overlooked. */
export function readStatsQuery(query: string): StatsQuery {
  const words = new Set(query.split(/[;&]/));
  const app = [...words].find((word) => word.startsWith('app='))?.slice('app='.length);
  return {
    form: words.has('csv') ? 'csv' : words.has('json') ? 'json' : 'page',
    onlyUp: words.has('up'),
    noRefresh: words.has('norefresh'),
    app: app === undefined ? undefined : decoded(app),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not what a browser makes of a name: no app is called so.
    return text;
  }
}
