import type { ApiContext } from '../api/api-context.js';

/** Files of the package that the server needs. */
export interface ServerFiles {
  /** openapi.yaml */
  readonly contract: string;
  /** The module that the build made of it; absent: the YAML is read and its validators are compiled when used. */
  readonly compiledContract?: string;
  /** openapi.yaml as JSON. */
  readonly contractJson?: string;
  /** Folder of the pages that show it; absent: there are none. */
  readonly docsPage?: string;
  /** Entry of the prober child. */
  readonly prober: string;
  readonly version: string;
}

/** What of them is published by the API. */
export function documentsOf(files: ServerFiles): Pick<ApiContext, 'documents'> {
  const { contract, contractJson, docsPage: page } = files;
  if (page === undefined) return {};
  return { documents: { contract, ...(contractJson !== undefined && { contractJson }), page } };
}
