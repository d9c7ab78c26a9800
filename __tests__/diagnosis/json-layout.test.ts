import { formatJson } from '../../src/diagnosis/json-layout.js';

test.each([2, 4])('an indent of %d gives the same text as JSON.stringify', (indent) => {
  const shapes = [
    [],
    {},
    [[]],
    [{}],
    { a: [] },
    { a: {}, b: [1, [2, { c: 'x:,[]{}"\\"' }]] },
    'x',
    1,
    null,
    [[[]], ' [ '],
  ];
  for (const shape of shapes) {
    const compact = Buffer.from(JSON.stringify(shape));
    expect(formatJson(compact, indent)?.toString()).toBe(JSON.stringify(shape, null, indent));
  }
});

test('without an indent the result has a space after each colon and comma', () => {
  expect(formatJson(Buffer.from('{"a:,":[1,{"b":"\\",["}],"c":[]}'), undefined)?.toString()).toBe(
    '{"a:,": [1, {"b": "\\",["}], "c": []}',
  );
});
