/**
 * Whether a `Prefer` header asks for lenient handling (RFC 7240): then what is nearly right is made right, instead of
 * being refused with a proposal. `handling=lenient` may stand among other preferences; the first `handling` counts.
 */
export function prefersLenient(header: string | readonly string[] | undefined): boolean {
  const preferences = (typeof header === 'string' ? [header] : (header ?? [])).flatMap((line) =>
    line.split(','),
  );
  for (const preference of preferences) {
    const [name = '', value = ''] = (preference.split(';')[0] ?? '').split('=').map((part) => part.trim());
    if (name.toLowerCase() === 'handling') {
      return value.replace(/^"(.*)"$/, '$1').toLowerCase() === 'lenient';
    }
  }
  return false;
}
