// Fastify and ioredis with automatic pipelining: what a user who has read about speed would write in Node.
import Fastify from 'fastify';
import { Redis } from 'ioredis';
import { FIVE_DAYS, genuine, messages, redisPath } from './facebook.js';

const redis = new Redis(redisPath, { enableAutoPipelining: true });
const app = Fastify();
app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

app.post('/webhook', async (request, reply) => {
  if (!genuine(request.body, request.headers['x-hub-signature-256'])) return reply.code(401).send();
  const writes = [];
  for (const { page, mid, at, event } of messages(request.body)) {
    writes.push(redis.set(`message:${mid}`, JSON.stringify(event), 'EX', FIVE_DAYS, 'NX'));
    writes.push(redis.zadd(`page:${page}`, at, mid));
  }
  await Promise.all(writes);
  return reply.code(200).send();
});

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
