import { ANY, HandlerRegistry, UNHANDLED } from '../../src/handlers/registry.js';

test('hands an event to the handlers of its name, its group and any event, in this order', () => {
  const registry = new HandlerRegistry<string>();
  registry.add([ANY], 'any');
  registry.add(['Email.*'], 'group');
  registry.add(['Email.Sent'], 'first');
  registry.add(['Email.Sent'], 'second');
  registry.add(['Email.Opened'], 'another name');
  registry.add(['User.*'], 'another group');

  expect(registry.take('Email.Sent')).toEqual({ named: true, handlers: ['first', 'second', 'group', 'any'] });
});

test.each([
  ['its name', 'Email.Sent'],
  ['its group', 'Email.*'],
])('an event that only %s covers is named', (_what, subject) => {
  const registry = new HandlerRegistry<string>();
  registry.add([subject], 'handler');
  expect(registry.take('Email.Sent')).toEqual({ named: true, handlers: ['handler'] });
});

test('an event that nothing covers goes to those for the unhandled and for any event', () => {
  const registry = new HandlerRegistry<string>();
  registry.add([ANY], 'any');
  registry.add([UNHANDLED], 'unhandled');
  registry.add(['Email.*'], 'group');

  expect(registry.take('User.Created')).toEqual({ named: false, handlers: ['unhandled', 'any'] });
  expect(registry.take('Email.Sent')).toEqual({ named: true, handlers: ['group', 'any'] });
});

test('an empty registry hands an event to nobody', () => {
  expect(new HandlerRegistry<string>().take('Email.Sent')).toEqual({ named: false, handlers: [] });
});

test.each(['', '.', '.Sent', 'Sent', '__proto__', 'constructor', 'toString', 'EmailX.Sent'])(
  'the name %j is in no group and finds nobody',
  (name) => {
    const registry = new HandlerRegistry<string>();
    registry.add(['Email.*', 'Email.Sent', '.*'], 'handler');
    expect(registry.take(name)).toEqual({ named: false, handlers: [] });
  },
);

test('a name with several dots belongs to the group before the first', () => {
  const registry = new HandlerRegistry<string>();
  registry.add(['Email.*'], 'group');
  expect(registry.take('Email.Sent.Twice').handlers).toEqual(['group']);
});

test('one registration for a name twice, or for a name and its group, gets an event once', () => {
  const registry = new HandlerRegistry<string>();
  registry.add(['Email.Sent', 'Email.Sent', 'Email.*'], 'handler');
  expect(registry.take('Email.Sent').handlers).toEqual(['handler']);
});

test('the same handler registered twice gets an event twice', () => {
  const registry = new HandlerRegistry<string>();
  registry.add(['Email.Sent'], 'handler');
  registry.add(['Email.Sent'], 'handler');
  expect(registry.take('Email.Sent').handlers).toEqual(['handler', 'handler']);
});

describe('the returned function', () => {
  test('takes back its own registration, under every subject, and no other', () => {
    const registry = new HandlerRegistry<string>();
    const cancel = registry.add(['Email.Sent', 'User.*', ANY], 'handler');
    registry.add(['Email.Sent'], 'handler');
    registry.add(['User.*'], 'other');

    cancel();

    expect(registry.take('Email.Sent').handlers).toEqual(['handler']);
    expect(registry.take('User.Created').handlers).toEqual(['other']);
    expect(registry.take('List.Created').handlers).toEqual([]);
  });

  test('may be called again without harm', () => {
    const registry = new HandlerRegistry<string>();
    const cancel = registry.add(['Email.Sent'], 'handler');
    cancel();
    registry.add(['Email.Sent'], 'handler');
    cancel();
    expect(registry.take('Email.Sent').handlers).toEqual(['handler']);
  });

  test('leaves a name without handlers unnamed again', () => {
    const registry = new HandlerRegistry<string>();
    registry.add(['Email.Sent'], 'handler')();
    expect(registry.take('Email.Sent').named).toBe(false);
  });
});

describe('remove', () => {
  test('takes back every registration of the handler for these subjects only', () => {
    const registry = new HandlerRegistry<string>();
    registry.add(['Email.Sent', 'Email.Opened'], 'handler');
    registry.add(['Email.Sent'], 'handler', true);
    registry.add(['Email.Sent'], 'other');

    registry.remove(['Email.Sent', 'List.Created'], 'handler');

    expect(registry.take('Email.Sent').handlers).toEqual(['other']);
    expect(registry.take('Email.Opened').handlers).toEqual(['handler']);
  });
});

describe('a handler for one event only', () => {
  test('is spent when it is taken, under every subject', () => {
    const registry = new HandlerRegistry<string>();
    registry.add(['Email.Sent', 'User.*'], 'once', true);
    registry.add(['Email.Sent'], 'always');

    expect(registry.take('Email.Sent').handlers).toEqual(['once', 'always']);
    expect(registry.take('Email.Sent').handlers).toEqual(['always']);
    expect(registry.take('User.Created')).toEqual({ named: false, handlers: [] });
  });

  test('is spent as one for any and for unhandled events too', () => {
    const registry = new HandlerRegistry<string>();
    registry.add([ANY], 'any', true);
    registry.add([UNHANDLED], 'unhandled', true);
    expect(registry.take('Email.Sent').handlers).toEqual(['unhandled', 'any']);
    expect(registry.take('Email.Sent').handlers).toEqual([]);
  });

  test('waits for an event that it is for', () => {
    const registry = new HandlerRegistry<string>();
    registry.add(['Email.Sent'], 'once', true);
    registry.take('Email.Opened');
    expect(registry.take('Email.Sent').handlers).toEqual(['once']);
  });
});

test('handlers taken before a change stay as they were', () => {
  const registry = new HandlerRegistry<string>();
  const cancel = registry.add(['Email.Sent'], 'first');
  const { handlers } = registry.take('Email.Sent');
  cancel();
  registry.add(['Email.Sent'], 'second');
  expect(handlers).toEqual(['first']);
});
