import request from 'supertest';
import { keepRawBody } from '../../../src/http/body/keep-raw-body.js';
import { FRAMEWORKS } from '../../helpers/adapters.js';

describe.each(FRAMEWORKS)('on %s', (_name, framework) => {
  test.each([
    ['json', 'application/json'],
    ['urlencoded', 'application/x-www-form-urlencoded'],
    ['text', 'text/plain'],
    ['raw', 'application/octet-stream'],
  ] as const)('express.%s() keeps the exact bytes', async (kind, type) => {
    const app = framework();
    app.use(framework[kind]({ verify: keepRawBody, extended: false }));
    app.use((req, res) => {
      res.json({ isBuffer: Buffer.isBuffer(Reflect.get(req, 'rawBody')), text: String(Reflect.get(req, 'rawBody')) });
    });
    const body = '{ "a":1,\r\n "b":"é\\/" }\n';
    const response = await request(app).post('/').set('content-type', type).send(body);
    expect(response.body).toEqual({ isBuffer: true, text: body });
  });
});
