/** The dead letters of all services as one list. */
import { api, told } from '../../../api/client';

export const SERVICES = ['order', 'payment', 'inventory', 'notification'] as const;
export type Service = (typeof SERVICES)[number];

export interface Letter {
  service: Service;
  id: string;
  topic: string;
  kafka_partition: number;
  kafka_offset: number;
  key: string | null;
  type: string | null;
  reason: string;
  error: string;
  status: 'open' | 'retried' | 'discarded';
  created_at: string;
  resolved_at: string | null;
  resolved_by: string | null;
  note: string | null;
}

export type LetterStatus = Letter['status'];

/** Where a list reads from: the same path for each service, typed by the first. */
const listPath = (service: Service) => `/api/admin/dead-letters/${service}` as '/api/admin/dead-letters/order';

export async function lettersOf(service: Service, status: LetterStatus | null): Promise<Letter[]> {
  const answer = await told(api.GET(listPath(service), { params: { query: { status, limit: 200 } } }));
  return (answer.items as unknown as Omit<Letter, 'service'>[]).map((letter) => ({ ...letter, service }));
}

export interface WholeLetter extends Omit<Letter, 'service'> {
  headers: Record<string, string>;
  /** The record's text, or base64 of what is none; null where nothing was kept. */
  value: string | null;
  value_encoding: string | null;
}

export async function letterOf(service: Service, id: string): Promise<WholeLetter> {
  const path = `/api/admin/dead-letters/${service}/{letter_id}` as '/api/admin/dead-letters/order/{letter_id}';
  return (await told(api.GET(path, { params: { path: { letter_id: id } } }))) as unknown as WholeLetter;
}

/** Write a record's content so that it can be read: JSON over several lines, anything else as it is. */
export function readable(value: string): string {
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}

/** Put the letters of all services together, newest first. */
export const together = (lists: Letter[][]): Letter[] =>
  lists.flat().sort((a, b) => b.created_at.localeCompare(a.created_at) || b.id.localeCompare(a.id));
