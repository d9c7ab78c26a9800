import util from 'node:util';
import { withVariable } from '../../../src/api/keys/env-text.js';
import { ConfigurationError } from '../../../src/index.js';
import fc from '../../helpers/properties.js';

const NEW = '{"a":["new"]}';
const set = (text: string): string => withVariable(text, 'KEYS', NEW);

test.each([
  ['several definitions', "KEYS=1\nA=1\nKEYS='2'\nB=2\nexport KEYS=3", `KEYS='${NEW}'\nA=1\nB=2\n`],
  ['one of several lines', 'A=1\nKEYS=\'{\n"x":1\n}\'\nB=2\n', `A=1\nKEYS='${NEW}'\nB=2\n`],
  ['the name within the value of another', 'A="x\nKEYS=doc\ny"\nB=2', `A="x\nKEYS=doc\ny"\nB=2\nKEYS='${NEW}'\n`],
  ['an exported one', 'export   KEYS = old\nB=2\n', `export KEYS='${NEW}'\nB=2\n`],
  ['one with spaces around', '  KEYS = old\r\nB=2\r\n', `KEYS='${NEW}'\r\nB=2\r\n`],
  ['lines that end as on Windows', 'A=1\r\n', `A=1\r\nKEYS='${NEW}'\r\n`],
  ['a byte order mark', '\u00ef\u00bb\u00bfKEYS=old\nB=2\n', `KEYS='${NEW}'\nB=2\n`],
  ['a comment behind it', "KEYS='old' # it's ours\nB=2\n", `KEYS='${NEW}' # it's ours\nB=2\n`],
  ['one that is commented out', "#KEYS='old\nB=2\n", `#KEYS='old\nB=2\nKEYS='${NEW}'\n`],
  ['a line separator within', 'KEYS=a\u2028b\nB=2\n', `KEYS='${NEW}'\nB=2\n`],
  ['one behind a line of spaces, which Node makes part of its name', "KEYS=\n \nKEYS=''", `KEYS='${NEW}'\n \n`],
  ['nothing', '', `KEYS='${NEW}'\n`],
])('%s', (_name, before, after) => {
  expect(set(before)).toBe(after);
  expect(set(after)).toBe(after);
});

test.each([
  ['A="x\nB=2\n', 'never closes the quote after A'],
  ["KEYS='x\n", 'never closes the quote after KEYS'],
  ['KEYS="{\\"a\\":1,\n}"\n', 'escaped quote in KEYS'],
  ['KEYS=1\rB=2\n', 'line break of the old Mac kind'],
])('%j is not clear', (text, said) => {
  expect(() => set(text)).toThrow(ConfigurationError);
  expect(() => set(text)).toThrow(said);
});

const word = fc.constantFrom('a', 'x y', '#', "'", '"', '`', '\\', '\n', '\r\n', '=', ' ', 'KEYS=', '\u00e9', 'KEYS');
const value = fc.oneof(
  fc.array(word, { maxLength: 4 }).map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom("'", '"', '`'), fc.array(word, { maxLength: 4 }))
    .map(([q, parts]) => q + parts.join('') + q),
);
const line = fc.oneof(
  fc
    .tuple(fc.constantFrom('', 'export ', '  '), fc.constantFrom('A', 'B', 'KEYS'), fc.constantFrom('=', ' = '), value)
    .map((parts) => parts.join('')),
  fc.constantFrom('', '# KEYS=1', "# a ' quote", 'KEYS'),
);
const file = fc.tuple(fc.array(line, { maxLength: 6 }), fc.constantFrom('\n', '\r\n'), fc.boolean());

/** Without ours, which Node may also know by a name with the blank line, or the export, before it. */
const othersIn = (text: string): object =>
  Object.fromEntries(Object.entries(util.parseEnv(text)).filter(([name]) => !/^\s*(export\s+)?KEYS$/.test(name)));

(util.parseEnv === undefined ? test.skip : test)(
  'whatever is in a file, Node reads the new value and all the others as before',
  () => {
    const counts = { written: 0 };
    fc.assert(
      fc.property(file, ([lines, eol, isEnded]) => {
        const before = lines.join(eol) + (isEnded ? eol : '');
        let after: string;
        try {
          after = set(before);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(ConfigurationError);
          return;
        }
        counts.written++;
        expect(util.parseEnv(after)['KEYS']).toBe(NEW);
        expect(othersIn(after)).toEqual(othersIn(before));
        expect(set(after)).toBe(after);
      }),
      { numRuns: 2_000 },
    );
    expect(counts.written).toBeGreaterThan(500);
  },
);
