/** A nominal type: `Brand<string, 'AppId'>` is a string that only the AppId functions make. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };
