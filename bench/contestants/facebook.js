// What both Node contestants need to know of Facebook.
import { createHmac, timingSafeEqual } from 'node:crypto';

export const FIVE_DAYS = 5 * 24 * 60 * 60;

export const redisPath = process.env.REDIS_URL.replace('unix://', '');

export function genuine(body, header) {
  const expected = Buffer.from(`sha256=${createHmac('sha256', process.env.FACEBOOK_APP_SECRET).update(body).digest('hex')}`);
  const given = Buffer.from(header ?? '');
  return expected.length === given.length && timingSafeEqual(expected, given);
}

export function* messages(body) {
  for (const entry of JSON.parse(body).entry) {
    for (const event of entry.messaging ?? []) {
      if (event.message) yield { page: entry.id, mid: event.message.mid, at: event.timestamp, event };
    }
  }
}
