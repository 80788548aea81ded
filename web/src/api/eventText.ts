/** The text of server-sent events (text/event-stream), read piece by piece as it arrives. */

export interface ServerEvent {
  event: string;
  data: string;
  id: string | null;
}

/** Make a reader: give it pieces of the stream, it answers the events that are complete with them. */
export function eventReader(): (piece: string) => ServerEvent[] {
  let rest = '';
  return (piece) => {
    const blocks = (rest + piece).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop() ?? '';
    return blocks.map(readBlock).filter((event) => event.data !== '');
  };
}

function readBlock(block: string): ServerEvent {
  const found: ServerEvent = { event: 'message', data: '', id: null };
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const at = line.indexOf(':');
    if (at <= 0) continue; // a comment that keeps the connection open, or a field without a value
    const value = line.slice(at + 1).replace(/^ /, '');
    const name = line.slice(0, at);
    if (name === 'data') data.push(value);
    else if (name === 'event') found.event = value;
    else if (name === 'id') found.id = value;
  }
  return { ...found, data: data.join('\n') };
}
