/** The documented envelope, padded with contact-like records to about `size` bytes. `nonce` makes each payload unique. */
export function payload(size, nonce, name = 'User.LoggedIn') {
  const event = {
    event: name,
    account_id: 1234567,
    ip: '203.0.113.7',
    user: { id: null, email: null, account_id: null },
    created_on: 1627069315,
    data: { email: 'johndoe1@example.com', grant_type: 'password', scopes: 'user', nonce, filler: [] },
  };
  const bare = JSON.stringify(event).length;
  const record = (i) => ({
    id: i,
    email: `contact${i}@example.com`,
    status: 'active',
    score: i * 1.5,
    tags: ['a', 'b'],
  });
  const length = JSON.stringify(record(1000)).length + 1;
  for (let i = 0; bare + event.data.filler.length * length < size - length; i++)
    event.data.filler.push(record(1000 + i));
  const missing = size - JSON.stringify(event).length - 9;
  if (missing > 0) event.data.pad = 'x'.repeat(missing);
  return JSON.stringify(event);
}
