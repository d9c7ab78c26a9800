import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const TESTS = join(__dirname, '..');
const DOCUMENT = readFileSync(join(TESTS, '../docs/threats.md'), 'utf8');

/** The numbered entries of the document, with the tests that each one names. */
const THREATS = [...DOCUMENT.matchAll(/^\*\*(\d+)\. ([\s\S]*?)(?=\n\n|\n$)/gm)].map(([, number, text = '']) => {
  const [, list = ''] = /\*Tests:\* ([\s\S]*)\.$/.exec(text) ?? [];
  return {
    number: Number(number),
    text: text.replaceAll('\n', ' '),
    tests: [...list.matchAll(/`([^`]+)`/g)].map(([, test = '']) => test),
  };
});

/** The numbers with which titles of tests begin, by file. */
const NUMBERS = new Map(
  readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => {
      const titles = readFileSync(join(TESTS, path), 'utf8').matchAll(/(?<=\(\s*['"`])(\d+)(?=\. )/g);
      return [path.slice(0, -'.test.ts'.length), new Set([...titles].map(([, number]) => Number(number)))] as const;
    }),
);

test('the threats are numbered without a gap', () => {
  expect(THREATS.length).toBeGreaterThan(50);
  expect(THREATS.map(({ number }) => number)).toEqual(THREATS.map((_threat, index) => index + 1));
});

test.each(THREATS)(
  'threat $number says what is left to the reader, and names tests whose titles have its number',
  (threat) => {
    expect(threat.text).toContain('*Left to you:*');
    expect(threat.tests).not.toEqual([]);
    for (const test of threat.tests)
      expect([test, [...(NUMBERS.get(test) ?? [])]]).toEqual([test, expect.arrayContaining([threat.number])]);
  },
);

test.each([...NUMBERS].filter(([, numbers]) => numbers.size > 0))(
  'every number in a title of %s is that of a threat',
  (_file, numbers) => {
    const known = new Set(THREATS.map(({ number }) => number));
    expect([...numbers].filter((number) => !known.has(number))).toEqual([]);
  },
);

test('the links lead to headings that exist', () => {
  const links = [...DOCUMENT.matchAll(/\]\(([^)#]+)#([^)]+)\)/g)];
  expect(links).not.toEqual([]);
  for (const [, path = '', anchor] of links) {
    const target = readFileSync(join(TESTS, '../docs', path), 'utf8');
    const headings = [...target.matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
      text.toLowerCase().replaceAll(' ', '-'),
    );
    expect(headings).toContain(anchor);
  }
});
