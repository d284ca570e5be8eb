const acceptedForm = /^[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}$/;

/** The request id that a client sent, when it is short and of plain characters: it goes into logs and records. */
export function acceptedRequestId(header: string | readonly string[] | undefined): string | undefined {
  const text = typeof header === 'string' ? header : header?.[0];
  return text !== undefined && acceptedForm.test(text) ? text : undefined;
}
