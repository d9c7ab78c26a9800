import { isDeepStrictEqual } from 'node:util';
import { parseEvent } from '../../src/events/parse.js';
import fc from '../helpers/properties.js';

const parse = (text: string) => parseEvent(Buffer.from(text));

test('an object with a name is an event', () => {
  expect(parse('{"event":"Email.Sent","data":{"a":1}}')).toEqual({ event: { event: 'Email.Sent', data: { a: 1 } } });
});

test.each([
  ['', 'not_json'],
  ['{', 'not_json'],
  ['{"event":"Email.Sent"} x', 'not_json'],
  ['\uFEFF{"event":"Email.Sent"}', 'not_json'],
  ['null', 'not_object'],
  ['true', 'not_object'],
  ['42', 'not_object'],
  ['"Email.Sent"', 'not_object'],
  ['["Email.Sent"]', 'not_object'],
  ['{}', 'no_event_name'],
  ['{"event":null}', 'no_event_name'],
  ['{"event":1}', 'no_event_name'],
  ['{"event":{}}', 'no_event_name'],
  ['{"event":""}', 'no_event_name'],
  ['{"event":" \\t"}', 'no_event_name'],
  ['{"Event":"Email.Sent"}', 'no_event_name'],
  ['{"__proto__":{"event":"Email.Sent"}}', 'no_event_name'],
])('%j is not an event: %s', (text, reason) => {
  expect(parse(text)).toEqual({ reason });
});

test('a body with bytes that are not UTF-8 anywhere in it is not an event', () => {
  const text = Buffer.from('{"event":"Email.Sent","data":"?"}');
  text[text.indexOf('?')] = 0xff;
  expect(parseEvent(text)).toEqual({ reason: 'not_utf8' });
});

test('white space around JSON is JSON', () => {
  expect(parse('\r\n {"event":"Email.Sent"}\n')).toEqual({ event: { event: 'Email.Sent' } });
});

test('an event name is kept as it is', () => {
  expect(parse('{"event":" Email.Sent "}')).toEqual({ event: { event: ' Email.Sent ' } });
});

test('whatever the bytes are, nothing is thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const parsed = parseEvent(Buffer.from(bytes));
      expect('event' in parsed || 'reason' in parsed).toBe(true);
    }),
  );
});

test('whatever the text is, nothing is thrown, and only JSON objects are events', () => {
  const nearlyJson = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json().map((json) => json.slice(0, -1)),
    fc.json(),
  );
  fc.assert(
    fc.property(nearlyJson, (text) => {
      const parsed = parse(text);
      if ('event' in parsed) expect(isDeepStrictEqual(parsed.event, JSON.parse(text))).toBe(true);
    }),
  );
});

test('any JSON object with a name comes back as JSON.parse gives it, __proto__ and all', () => {
  const name = fc.string().filter((text) => text.trim() !== '');
  const members = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')), fc.jsonValue());
  fc.assert(
    fc.property(name, members, (event, rest) => {
      const json = JSON.stringify(Object.defineProperty({ ...rest }, 'event', { value: event, enumerable: true }));
      const parsed = parse(json);
      expect('event' in parsed && isDeepStrictEqual(parsed.event, JSON.parse(json))).toBe(true);
      expect('event' in parsed && Object.getPrototypeOf(parsed.event)).toBe(Object.prototype);
    }),
  );
});
