import { ANY, HandlerRegistry, type Subject, UNHANDLED } from '../../src/handlers/registry.js';

type Handler = () => string;

/** A registry, and what it finds as the labels of the handlers. */
function bench() {
  const registry = new HandlerRegistry<Handler>();
  return {
    registry,
    labels: (name: string): readonly string[] => registry.match(name).registrations.map(({ label }) => label),
  };
}

/** A handler whose label is its name. */
function handler(name: string): Handler {
  return Object.defineProperty(() => name, 'name', { value: name });
}

const [any, group, first, second, other] = ['any', 'group', 'first', 'second', 'other'].map(handler) as [
  Handler,
  Handler,
  Handler,
  Handler,
  Handler,
];

test('an event goes to the handlers of its name, its group and any event, in this order', () => {
  const { registry, labels } = bench();
  registry.add([ANY], any);
  registry.add(['Email.*'], group);
  registry.add(['Email.Sent'], first);
  registry.add(['Email.Sent'], second);
  registry.add(['Email.Opened'], other);
  registry.add(['User.*'], other);

  expect(labels('Email.Sent')).toEqual(['first', 'second', 'group', 'any']);
  expect(registry.match('Email.Sent').registrations[0]).toEqual({
    handler: first,
    subjects: new Set(['Email.Sent']),
    id: undefined,
    label: 'first',
  });
});

test.each([
  ['its name', 'Email.Sent'],
  ['its group', 'Email.*'],
])('an event that only %s covers is named', (_what, subject) => {
  const { registry, labels } = bench();
  registry.add([subject], first);
  expect(registry.match('Email.Sent').isNamed).toBe(true);
  expect(registry.covers('Email.Sent')).toBe(true);
  expect(labels('Email.Sent')).toEqual(['first']);
});

test('an event that no name and no pattern covers goes to the handlers of unhandled and of any events', () => {
  const { registry, labels } = bench();
  registry.add([ANY], any);
  registry.add([UNHANDLED], other);
  registry.add(['Email.*'], group);

  expect(labels('User.Created')).toEqual(['other', 'any']);
  expect(registry.match('User.Created').isNamed).toBe(false);
  expect(registry.covers('User.Created')).toBe(false);
  expect(labels('Email.Sent')).toEqual(['group', 'any']);
  expect(registry.match('Email.Sent').isNamed).toBe(true);
});

test('an empty registry finds no handler', () => {
  expect(new HandlerRegistry<Handler>().match('Email.Sent')).toEqual({ isNamed: false, registrations: [] });
});

test.each(['', '.', '.Sent', 'Sent', '__proto__', 'constructor', 'toString', 'EmailX.Sent'])(
  'the name %j belongs to no group and finds no handler',
  (name) => {
    const { registry } = bench();
    registry.add(['Email.*', 'Email.Sent', '.*'], first);
    expect(registry.match(name)).toEqual({ isNamed: false, registrations: [] });
  },
);

test('a name with several dots belongs to the group before the first dot', () => {
  const { registry, labels } = bench();
  registry.add(['Email.*'], group);
  expect(labels('Email.Sent.Twice')).toEqual(['group']);
});

test('a handler registered once for a name twice, or for a name and its group, gets an event once', () => {
  const { registry, labels } = bench();
  registry.add(['Email.Sent', 'Email.Sent', 'Email.*'], first);
  expect(labels('Email.Sent')).toEqual(['first']);
});

test('a handler registered twice gets an event twice', () => {
  const { registry, labels } = bench();
  registry.add(['Email.Sent'], first);
  registry.add(['Email.Sent'], first);
  expect(labels('Email.Sent')).toEqual(['first', 'first']);
});

describe('the function that add() returns', () => {
  test('removes its own registration, under every subject, and no other', () => {
    const { registry, labels } = bench();
    const unsubscribe = registry.add(['Email.Sent', 'User.*', ANY], first);
    registry.add(['Email.Sent'], first);
    registry.add(['User.*'], other);

    unsubscribe();

    expect(labels('Email.Sent')).toEqual(['first']);
    expect(labels('User.Created')).toEqual(['other']);
    expect(labels('List.Created')).toEqual([]);
  });

  test('does nothing when it is called again', () => {
    const { registry, labels } = bench();
    const unsubscribe = registry.add(['Email.Sent'], first);
    unsubscribe();
    registry.add(['Email.Sent'], first);
    unsubscribe();
    expect(labels('Email.Sent')).toEqual(['first']);
  });

  test('leaves a name without handlers unnamed again', () => {
    const { registry } = bench();
    registry.add(['Email.Sent'], first)();
    expect(registry.match('Email.Sent').isNamed).toBe(false);
    expect(registry.covers('Email.Sent')).toBe(false);
  });
});

test('remove() removes every registration of the handler, for the given subjects only', () => {
  const { registry, labels } = bench();
  registry.add(['Email.Sent', 'Email.Opened'], first);
  registry.add(['Email.Sent'], first);
  registry.add(['Email.Sent'], other);

  registry.remove(['Email.Sent', 'List.Created'], first);

  expect(labels('Email.Sent')).toEqual(['other']);
  expect(labels('Email.Opened')).toEqual(['first']);
});

test('handlers that were found before a change stay as they were', () => {
  const { registry } = bench();
  const unsubscribe = registry.add(['Email.Sent'], first);
  const { registrations } = registry.match('Email.Sent');
  unsubscribe();
  registry.add(['Email.Sent'], second);
  expect(registrations.map(({ label }) => label)).toEqual(['first']);
});

describe('an id', () => {
  const duplicate = expect.objectContaining({
    code: 'ERR_OPTION_INVALID',
    message: expect.stringContaining("Another handler already has the id 'audit'."),
  });

  test('belongs to one handler, whatever the other is registered for', () => {
    const { registry, labels } = bench();
    registry.add(['Email.Sent'], first, 'audit');
    expect(() => registry.add(['User.*'], second, 'audit')).toThrow(duplicate);
    expect(() => registry.add([ANY], first, 'audit')).toThrow(duplicate);
    expect(labels('User.Created')).toEqual([]);
    registry.add(['User.*'], second, 'Audit');
    expect(registry.match('User.Created').registrations).toMatchObject([{ id: 'Audit', handler: second }]);
  });

  test('is free again after its handler is removed by the returned function', () => {
    const { registry, labels } = bench();
    registry.add(['Email.Sent', 'User.*'], first, 'audit')();
    registry.add(['User.*'], second, 'audit');
    expect(labels('User.Created')).toEqual(['audit']);
  });

  test('is free again after remove() has removed its handler from every subject', () => {
    const { registry } = bench();
    registry.add(['Email.Sent', 'User.*'], first, 'audit');
    registry.remove(['Email.Sent'], first);
    expect(() => registry.add(['Email.Sent'], second, 'audit')).toThrow(duplicate);
    registry.remove(['User.*', 'Email.Sent'], first);
    registry.add(['Email.Sent'], second, 'audit');
  });

  test('stays taken when remove() names another handler', () => {
    const { registry } = bench();
    registry.add(['Email.Sent'], first, 'audit');
    registry.remove(['Email.Sent'], second);
    expect(() => registry.add(['Email.Sent'], second, 'audit')).toThrow(duplicate);
  });

  test('stays with its next handler when the first one is unsubscribed again', () => {
    const { registry } = bench();
    const unsubscribe = registry.add(['Email.Sent'], first, 'audit');
    unsubscribe();
    registry.add(['Email.Sent'], second, 'audit');
    unsubscribe();
    expect(() => registry.add(['Email.Sent'], other, 'audit')).toThrow(duplicate);
  });
});

describe('the label of a handler', () => {
  const anonymous = handler('');

  test('is its id, even when its function has a name', () => {
    const { registry, labels } = bench();
    registry.add(['Email.Sent'], first, 'audit');
    expect(labels('Email.Sent')).toEqual(['audit']);
  });

  test('is the name of its function when it has no id', () => {
    const { registry, labels } = bench();
    registry.add(['Email.Sent'], first);
    expect(labels('Email.Sent')).toEqual(['first']);
  });

  test.each<[subjects: Subject[], label: string]>([
    [['Email.Sent'], 'on Email.Sent'],
    [['Email.*'], 'on Email.*'],
    [['Email.Sent', 'Email.Opened', 'Email.*'], 'on Email.Sent and 2 more'],
    [[ANY], 'on any event'],
    [[UNHANDLED], 'on unhandled events'],
  ])('is what it was registered for when it has neither: %p', (subjects, label) => {
    const { registry } = bench();
    registry.add(subjects, anonymous);
    const [subject] = subjects;
    const name = typeof subject === 'symbol' ? 'List.Created' : 'Email.Sent';
    expect(registry.match(name).registrations.map((each) => each.label)).toEqual([label]);
  });
});
