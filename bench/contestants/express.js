// Express and ioredis, a transaction per message: what a user would write in Node.
import express from 'express';
import { Redis } from 'ioredis';
import { FIVE_DAYS, genuine, messages, redisPath } from './facebook.js';

const redis = new Redis(redisPath);
const app = express();

app.post('/webhook', express.raw({ type: 'application/json' }), async (request, response) => {
  if (!genuine(request.body, request.headers['x-hub-signature-256'])) return response.status(401).end();
  for (const { page, mid, at, event } of messages(request.body)) {
    await redis.multi()
      .set(`message:${mid}`, JSON.stringify(event), 'EX', FIVE_DAYS, 'NX')
      .zadd(`page:${page}`, at, mid)
      .exec();
  }
  response.status(200).end();
});

app.listen(Number(process.env.PORT), '127.0.0.1');
