import { attributeText, scalarText } from '../../../src/embedded-mesos/protocol/attribute-text.js';
import {
  parseAttributes,
  parseResources,
  resourcesText,
} from '../../../src/embedded-mesos/protocol/resource-text.js';
import { recordedCalls } from '../fixtures/recorded-calls.js';
import { recordedEvents } from '../fixtures/recorded-events.js';

describe('resource text', () => {
  it('is read as Mesos does', () => {
    expect(
      parseResources('cpus:4; mem(prod) : 4096 ;ports(*):[21000-24000, 30000-34000,24001-24002];bugs:{b,a}'),
    ).toEqual([
      { name: 'cpus', type: 'SCALAR', scalar: { value: 4 } },
      {
        name: 'mem',
        type: 'SCALAR',
        scalar: { value: 4096 },
        reservations: [{ type: 'STATIC', role: 'prod' }],
      },
      {
        name: 'ports',
        type: 'RANGES',
        ranges: {
          range: [
            { begin: 21000, end: 24002 },
            { begin: 30000, end: 34000 },
          ],
        },
      },
      { name: 'bugs', type: 'SET', set: { item: ['a', 'b'] } },
    ]);
    expect(parseResources('')).toEqual([]);
    expect(parseResources('cpus:1.23456')[0]?.scalar?.value).toBe(1.235);
  });

  it.each([
    ['cpus', "'cpus' is not a resource"],
    ['cpus:', "'cpus:' is not a resource"],
    [':4', "':4' is not a resource"],
    ['cpus:-1', 'must not be below 0'],
    ['cpus:many', "'many' is no amount"],
    ['cpus():1', 'empty role'],
    ['ports:[5-1]', 'begins above its end'],
    ['ports:[1-', "ranges end with ']'"],
    ['ports:[1]', "'1' is not a range"],
    ['bugs:{a,a}', 'comes twice'],
    ['bugs:{a', "a set ends with '}'"],
  ])('says in a sentence what is wrong with %s', (text, sentence) => {
    expect(() => parseResources(text)).toThrow(sentence);
  });

  it('is written as a recorded message of a real master has it', () => {
    const requested = recordedCalls.acceptTooBig.accept.operations[0].launch.task_infos[0].resources;
    const offered = recordedEvents.offers.offers.offers[0].resources;
    const role = { allocation_info: { role: '*' } };
    const text = `Total resources ${resourcesText(requested.map((resource) => ({ ...resource, ...role })))} required by task and its executor is more than available ${resourcesText(offered)}`;
    expect(text).toBe(recordedEvents.taskError.update.status.message);
  });
});

describe('attribute text', () => {
  it('is read as text, number or ranges, split at the first colon', () => {
    expect(parseAttributes('rack:r1; url:http://x ;level:10;keys:[1000-1500]')).toEqual([
      { name: 'rack', type: 'TEXT', text: { value: 'r1' } },
      { name: 'url', type: 'TEXT', text: { value: 'http://x' } },
      { name: 'level', type: 'SCALAR', scalar: { value: 10 } },
      { name: 'keys', type: 'RANGES', ranges: { range: [{ begin: 1000, end: 1500 }] } },
    ]);
    expect(() => parseAttributes('rack')).toThrow("'rack' is not an attribute");
    expect(() => parseAttributes('a:{x}')).toThrow('not a set');
  });

  it.each([
    [1.0005, '1'],
    [1.1005, '1.101'],
    [0.0625, '0.062'],
    [0.1875, '0.188'],
    [4, '4'],
    [100, '100'],
    [1.5, '1.5'],
    [1e30, '1e+30'],
    [-0.0001, '0'],
    [-2.5, '-2.5'],
    [1234567.25, '1234567.25'],
  ])('renders the scalar %d as %s', (value, text) => {
    expect(scalarText(value)).toBe(text);
  });

  it('renders ranges and sets sorted', () => {
    expect(
      attributeText({
        name: 'k',
        type: 'RANGES',
        ranges: {
          range: [
            { begin: 5, end: 6 },
            { begin: 1, end: 2 },
          ],
        },
      }),
    ).toBe('[1-2,5-6]');
    expect(attributeText({ name: 'k', type: 'SET', set: { item: ['b', 'a'] } })).toBe('{a,b}');
  });
});
