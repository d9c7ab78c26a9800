import { isLoopback } from '../../src/shared/is-loopback.js';

test.each(['localhost', '127.0.0.1', '127.1.2.3', '[::1]'])('%s is this machine', (hostname) => {
  expect(isLoopback(hostname)).toBe(true);
});

test.each([
  '',
  'localhost.evil.example',
  'evil-localhost',
  '127.0.0.1.evil.example',
  '127.0.0',
  '128.0.0.1',
  '::1',
  'localhost:80',
])('%j is not this machine', (hostname) => expect(isLoopback(hostname)).toBe(false));
