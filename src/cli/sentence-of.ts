/** An error for a person: the system's codes and calls that a wrong user brings become what to do; others say it themselves. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path } = error as NodeJS.ErrnoException;
  if (path !== undefined && (code === 'EACCES' || code === 'EPERM'))
    return `this user may not use ${path}; run this as the user that runs longrun (or with sudo)`;
  return error.message;
}
