// Shows /openapi.json: every route with what it takes and answers, searchable. Everything is made of text nodes, nothing of
// the document is ever read as HTML.

const methods = ['get', 'post', 'put', 'patch', 'delete', 'head'];
const byId = (id) => document.getElementById(id);
let api;

/** An element with attributes (`class`, `onclick`, ...) and children; text becomes text. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== ''));
  return element;
}

/** A details element whose inside is made when it is first opened: shapes may hold themselves. */
function later(attributes, summary, inside) {
  const details = make('details', attributes, make('summary', {}, summary));
  details.addEventListener('toggle', () => details.open && details.children.length === 1 && details.append(...inside()));
  return details;
}

/** Paragraphs and `code` of a description. */
function prose(text = '') {
  const paragraphs = text.trim().split(/\n\s*\n/).filter(Boolean);
  return paragraphs.map((paragraph) => make('p', {}, ...words(paragraph)));
}

const words = (text = '') =>
  text.split('`').map((part, index) => (index % 2 === 1 ? make('code', {}, part) : part));

function follow(node) {
  if (!node?.$ref) return node ?? {};
  const steps = node.$ref.slice(2).split('/');
  return follow(steps.reduce((part, step) => part[step.replaceAll('~1', '/').replaceAll('~0', '~')], api));
}

const nameOf = (node) => (node?.$ref ? node.$ref.split('/').at(-1) : undefined);

/** All members of an object shape, those of its parts included. */
function membersOf(schema) {
  const shape = follow(schema);
  const parts = (shape.allOf ?? []).map(membersOf);
  return {
    properties: Object.assign({}, ...parts.map((part) => part.properties), shape.properties),
    required: [...parts.flatMap((part) => part.required), ...(shape.required ?? [])],
    others: shape.additionalProperties,
  };
}

/** A shape in a few words: `array of AppInfo`, `integer 0–65535`. */
function typeOf(schema) {
  const name = nameOf(schema);
  const shape = follow(schema);
  if (shape.const !== undefined) return JSON.stringify(shape.const);
  const types = [shape.type ?? []].flat();
  const nullable = types.includes('null') || (shape.anyOf ?? []).some((option) => follow(option).type === 'null');
  const end = nullable ? ' or null' : '';
  if (shape.enum) return shape.enum.filter((value) => value !== null).map((value) => JSON.stringify(value)).join(' | ') + end;
  const options = shape.oneOf ?? shape.anyOf;
  if (options) return options.filter((option) => follow(option).type !== 'null').map(typeOf).join(' or ') + end;
  if (types.includes('array')) return `array of ${typeOf(shape.items)}${end}`;
  if (name && (types.includes('object') || shape.allOf)) return name + end;
  if (shape.allOf && shape.allOf.length === 1 && !shape.properties) return typeOf(shape.allOf[0]);
  const from = shape.minimum ?? shape.minLength;
  const to = shape.maximum ?? shape.maxLength;
  const of = shape.minLength ?? shape.maxLength ? ' of length' : '';
  const bounds = from === undefined ? (to === undefined ? '' : `${of} ≤ ${to}`) : to === undefined ? `${of} ≥ ${from}` : `${of} ${from}–${to}`;
  const plain = types.filter((type) => type !== 'null').join(' or ') || (shape.allOf ? 'object' : 'anything');
  return plain + (from === to && from !== undefined ? ` ${from}` : bounds) + end;
}

/** What can be looked into: the objects in a shape, however they are wrapped. */
function insides(schema) {
  const shape = follow(schema);
  const options = shape.oneOf ?? shape.anyOf;
  if (options) return options.flatMap(insides);
  if (shape.items) return insides(shape.items);
  const { properties, others } = membersOf(schema);
  if (Object.keys(properties).length > 0) return [schema];
  return others && typeof others === 'object' ? insides(others) : [];
}

function fieldsOf(schema) {
  const { properties, required, others } = membersOf(schema);
  const rows = Object.entries(properties).map(([name, member]) => field(name, member, required.includes(name)));
  if (others && typeof others === 'object') rows.push(field('(any name)', others, false));
  return make('dl', { class: 'fields' }, rows);
}

function field(name, schema, isRequired, place) {
  const shape = follow(schema);
  const facts = [
    place,
    shape.default === undefined ? '' : `default ${JSON.stringify(shape.default)}`,
    shape.pattern === undefined ? '' : `matches ${shape.pattern}`,
    shape.deprecated ? 'deprecated' : '',
  ].filter(Boolean);
  const below = insides(schema).map((inner) =>
    later({ class: 'nested' }, `fields of ${nameOf(inner) ?? name}`, () => [fieldsOf(inner)]),
  );
  const label = [make('code', {}, name), isRequired ? make('span', { class: 'required' }, ' required') : ''];
  const type = make('p', {}, make('span', { class: 'type' }, typeOf(schema)));
  const notes = facts.length > 0 ? make('p', { class: 'note' }, facts.join(' · ')) : '';
  const text = schema.description ?? shape.description;
  return make('div', {}, make('dt', {}, label), make('dd', {}, type, prose(text), notes, below));
}

/** An example of a body: its own, its shape's, or made of the examples of its parts. */
function exampleOf(media) {
  return media?.example ?? Object.values(media?.examples ?? {})[0]?.value ?? exampleOfShape(media?.schema);
}

function exampleOfShape(schema) {
  const shape = follow(schema);
  if (shape.examples) return shape.examples[0];
  if (shape.const !== undefined) return shape.const;
  const option = (shape.oneOf ?? shape.anyOf)?.[0];
  if (option) return exampleOfShape(option);
  const item = shape.items && exampleOfShape(shape.items);
  return item === undefined ? undefined : [item];
}

const json = (value) => make('pre', { tabindex: '0' }, JSON.stringify(value, null, 2));

function bodies(content = {}) {
  return Object.entries(content).flatMap(([type, media]) => {
    const example = exampleOf(media);
    const inner = insides(media.schema);
    return [
      make('p', {}, make('code', {}, type), ' ', make('span', { class: 'type' }, typeOf(media.schema))),
      inner.map((schema) => later({ class: 'nested' }, `fields of ${nameOf(schema) ?? 'the body'}`, () => [fieldsOf(schema)])),
      example === undefined ? '' : later({ class: 'nested' }, 'example', () => [json(example)]),
    ].flat();
  });
}

function headerList(headers) {
  const rows = headers.map(([name, header]) => {
    const said = follow(header);
    return field(name, { ...said.schema, description: said.description }, said.required === true);
  });
  return make('dl', { class: 'fields' }, rows);
}

/** Errors have one shape, which is shown once, above all routes. */
const isError = (answer) => nameOf(answer.content?.['application/json']?.schema) === 'Error';

function response([status, node]) {
  const answer = follow(node);
  const headers = Object.entries(answer.headers ?? {});
  const codes = (answer['x-error-codes'] ?? []).flatMap((code) => [make('code', {}, code), ' ']);
  return make(
    'div',
    { class: 'response' },
    make('p', {}, make('span', { class: 'status' }, status), ...words(answer.description)),
    codes.length > 0 ? make('p', { class: 'note' }, 'codes: ', codes) : '',
    headers.length > 0
      ? later({ class: 'nested' }, `headers: ${headers.map(([name]) => name).join(', ')}`, () => [
          headerList(headers),
        ])
      : '',
    isError(answer) ? '' : bodies(answer.content),
  );
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const slashed = (text) => text.split('/').map(encodeURIComponent).join('/').replace(/^\//, '');

/** The curl line of an operation for what is filled in. */
function curlLine({ path, method, operation, parameters }, values) {
  const given = parameters.filter(({ name }) => values.get(name));
  const url = path.replace(/\{(\w+)\}/g, (whole, name) => (values.get(name) ? slashed(values.get(name)) : whole));
  const query = given
    .filter((parameter) => parameter.in === 'query')
    .map(({ name }) => `${encodeURIComponent(name)}=${encodeURIComponent(values.get(name))}`);
  const headers = given.filter((parameter) => parameter.in === 'header').map(({ name }) => `${name}: ${values.get(name)}`);
  const stream = follow(operation.responses['200'])?.content?.['text/event-stream'];
  if (stream) headers.push('Accept: text/event-stream');
  const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const example = exampleOf(media);
  if (type) headers.push(`Content-Type: ${type}`);
  const target = quoted(location.origin + url + (query.length > 0 ? `?${query.join('&')}` : ''));
  return [
    `curl -sS${method === 'get' ? (stream ? 'N' : '') : method === 'head' ? 'I' : ` -X ${method.toUpperCase()}`} ${target}`,
    ...headers.map((header) => `-H ${quoted(header)}`),
    ...(example === undefined || !type ? [] : [`-d ${quoted(JSON.stringify(example))}`]),
  ].join(' \\\n  ');
}

/** The curl line with a field per parameter; it follows what is typed. */
function tryIt(route) {
  const values = new Map();
  const line = make('pre', { tabindex: '0' });
  const show = () => {
    line.textContent = curlLine(route, values);
  };
  const rows = route.parameters.map((parameter) => {
    const { name } = parameter;
    const example = parameter.example ?? follow(parameter.schema).examples?.[0];
    if (parameter.required && example !== undefined) values.set(name, String(example).replace(/^\//, ''));
    const id = `${route.operation.operationId}-${name}`.replace(/\W/g, '-');
    const input = make('input', { id, value: values.get(name), autocomplete: 'off', spellcheck: 'false' });
    input.addEventListener('input', () => {
      values.set(name, input.value);
      show();
    });
    const row = field(name, { ...follow(parameter.schema), description: parameter.description }, parameter.required, parameter.in);
    const label = make('label', { for: id }, ...row.querySelector('dt').childNodes);
    row.querySelector('dt').replaceChildren(label, input);
    return row;
  });
  show();
  const copy = make('button', { type: 'button' }, 'Copy');
  copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(line.textContent);
      copy.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(line);
      copy.textContent = 'Selected';
    }
  });
  return [
    rows.length > 0 ? make('h3', {}, 'Parameters') : '',
    rows.length > 0 ? make('dl', { class: 'fields' }, rows) : '',
    make('h3', {}, 'Try it'),
    make('div', { class: 'curl' }, line, copy),
  ];
}

function inside(route) {
  const { operation } = route;
  const body = operation.requestBody;
  return make(
    'div',
    {},
    prose(operation.description),
    tryIt(route),
    body ? [make('h3', {}, 'Body'), ...bodies(body.content)] : '',
    make('h3', {}, 'Answers'),
    Object.entries(operation.responses).map(response),
  );
}

/** Every operation of the document, with what a search looks at. */
function routes() {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      if (!operation) return [];
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(follow);
      const names = new Set(parameters.map(({ name }) => name));
      const shapes = Object.values(operation.requestBody?.content ?? {}).map((media) => media.schema);
      for (const answer of Object.values(operation.responses)) {
        const said = follow(answer);
        for (const code of said['x-error-codes'] ?? []) names.add(code);
        shapes.push(...Object.values(said.content ?? {}).map((media) => media.schema));
      }
      for (const schema of shapes.flatMap(insides)) {
        if (nameOf(schema) !== 'Error') for (const name of Object.keys(membersOf(schema).properties)) names.add(name);
      }
      const text = [method, path, operation.operationId, operation.summary, operation.description, ...names];
      return [{ path, method, operation, parameters, text: text.join(' ').toLowerCase() }];
    }),
  );
}

function operationElement(route) {
  const { path, method, operation } = route;
  const summary = make('summary', {},
    make('span', { class: `method ${method}` }, method.toUpperCase()),
    make('span', { class: 'path' }, path),
    make('span', { class: 'what' }, ...words(operation.summary)),
  );
  const details = make('details', { class: 'operation', id: operation.operationId }, summary);
  details.addEventListener('toggle', () => {
    if (details.open && details.children.length === 1) details.append(inside(route));
  });
  return details;
}

function link({ path, method, operation }) {
  const anchor = make('a', { href: `#${operation.operationId}` },
    make('span', { class: `method ${method}` }, method.toUpperCase()),
    make('span', { class: 'path' }, path),
  );
  return make('li', {}, anchor);
}

/** Opens what the address names. */
function openNamed() {
  const named = location.hash.length > 1 ? byId(decodeURIComponent(location.hash.slice(1))) : null;
  if (!named?.classList.contains('operation')) return;
  if (named.hidden) search('');
  named.open = true;
  named.scrollIntoView();
  named.querySelector('summary').focus({ preventScroll: true });
}

let sections = [];

/** Shows what holds every word of the search. */
function search(text) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const { section, menu, entries } of sections) {
    let any = false;
    for (const { route, element, item } of entries) {
      const fits = wanted.every((word) => route.text.includes(word));
      element.hidden = item.hidden = !fits;
      any ||= fits;
      if (fits) found += 1;
    }
    section.hidden = menu.hidden = !any;
  }
  byId('intro').hidden = wanted.length > 0;
  byId('found').textContent = wanted.length > 0 ? `${found} ${found === 1 ? 'route' : 'routes'}` : '';
  if (byId('search').value !== text) byId('search').value = text;
}

function show() {
  byId('title').textContent = api.info.title;
  byId('version').textContent = api.info.version;
  const error = { $ref: '#/components/schemas/Error' };
  const everywhere = Object.entries(api['x-headers-of-every-answer'] ?? {});
  byId('intro').append(
    ...prose(api.info.description),
    later({ class: 'nested' }, 'how errors look', () => [fieldsOf(error), json(exampleOfShape(error))]),
    later({ class: 'nested' }, 'headers that any answer may have', () => [headerList(everywhere)]),
  );
  const all = routes();
  sections = api.tags.map(({ name, description }) => {
    const entries = all
      .filter(({ operation }) => operation.tags.includes(name))
      .map((route) => ({ route, element: operationElement(route), item: link(route) }));
    const section = make('section', {},
      make('h2', {}, name, make('small', {}, description ?? '')),
      entries.map(({ element }) => element),
    );
    const menu = make('div', {}, make('h2', {}, name), make('ul', {}, entries.map(({ item }) => item)));
    return { section, menu, entries };
  });
  byId('list').replaceChildren(...sections.map(({ section }) => section));
  byId('routes').replaceChildren(...sections.map(({ menu }) => menu));
}

const narrow = matchMedia('(max-width: 56rem)');
const fold = () => {
  byId('menu').open = !narrow.matches;
};
narrow.addEventListener('change', fold);
fold();
byId('search').addEventListener('input', (event) => search(event.target.value));
document.querySelector('form').addEventListener('submit', (event) => event.preventDefault());
byId('routes').addEventListener('click', (event) => {
  if (narrow.matches && event.target.closest('a')) byId('menu').open = false;
});
addEventListener('hashchange', openNamed);
addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    byId('search').focus();
  } else if (event.key === 'Escape' && event.target === byId('search')) search('');
});

try {
  const answer = await fetch('/openapi.json');
  if (!answer.ok) throw new Error(`/openapi.json was answered ${answer.status}`);
  api = await answer.json();
  show();
  openNamed();
} catch (error) {
  byId('list').replaceChildren(make('p', { role: 'alert' }, `The document cannot be shown: ${error.message}`));
}
