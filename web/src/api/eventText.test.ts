import { describe, expect, it } from 'vitest';
import { eventReader } from './eventText';

describe('a stream of events', () => {
  it('is read in whatever pieces it arrives', () => {
    const text = ': hello\n\nevent: order\nid: 4\ndata: {"a":1}\n\nevent: order\nid: 5\ndata: one\ndata: two\n\n';
    for (const size of [1, 7, text.length]) {
      const read = eventReader();
      const found = [];
      for (let at = 0; at < text.length; at += size) found.push(...read(text.slice(at, at + size)));
      expect(found).toEqual([
        { event: 'order', id: '4', data: '{"a":1}' },
        { event: 'order', id: '5', data: 'one\ntwo' },
      ]);
    }
  });
  it('is read with line ends of either kind', () => {
    expect(eventReader()('event: order\r\ndata: x\r\n\r\n')).toEqual([{ event: 'order', id: null, data: 'x' }]);
  });
  it('tells nothing before an event is complete', () => {
    expect(eventReader()('data: half')).toEqual([]);
  });
});
