import { beforeEach, expect, it } from 'vitest';
import '../../testing';
import { type Body, type Intention, isLeft, keepIntention, PATIENCE_MS, readIntention } from './intention';

const SENT = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const sent: Intention = { of: 'ada', key: 'k', lines: [['A', 1]], body: {} as Body, orderId: null, at: SENT };
const placed: Intention = { ...sent, body: null, orderId: 'o' };

beforeEach(() => sessionStorage.clear());

it('an order that is being placed outlives a reload', () => {
  keepIntention(sent);
  expect(readIntention('ada', SENT + 1_000)).toEqual(sent);
  expect(isLeft(sent, SENT + 1_000)).toBe(false);
  keepIntention(placed);
  expect(readIntention('ada', SENT + 1_000)).toEqual(placed);
});
it('an order that was placed a while ago is none that is placed now', () => {
  keepIntention(placed);
  expect(readIntention('ada', SENT + PATIENCE_MS)).toBeNull();
});
it('what was never answered is asked about, and forgotten before the shop forgets it', () => {
  keepIntention(sent);
  expect(readIntention('ada', SENT + HOUR)).toEqual(sent);
  expect(isLeft(sent, SENT + HOUR)).toBe(true);
  expect(readIntention('ada', SENT + 30 * HOUR)).toBeNull();
});
it('it is nobody else’s, and once kept without a time it is old', () => {
  keepIntention(sent);
  expect(readIntention('bob', SENT)).toBeNull();
  sessionStorage.setItem('waybill.intention', JSON.stringify({ ...placed, at: undefined }));
  expect(readIntention('ada', SENT)).toBeNull();
});
it('nothing is left of an intention that is given up', () => {
  keepIntention(sent);
  keepIntention(null);
  expect(readIntention('ada', SENT)).toBeNull();
  expect(isLeft(null, SENT)).toBe(false);
});
