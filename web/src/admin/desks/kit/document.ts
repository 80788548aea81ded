/** Papers that need the caller's token: shown in a tab of their own, or saved. */
import { persistently } from '../../../api/client';
import { readProblem } from '../../../api/problem';
import { session } from '../../../session/session';

async function fetched(path: string, accept: string): Promise<Blob> {
  const headers: Record<string, string> = { Accept: accept };
  const token = await session.token();
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await persistently(new Request(path, { headers }));
  if (!answer.ok) throw readProblem(answer, await answer.json().catch(() => undefined));
  return answer.blob();
}

const KEPT_MS = 60_000;

/** Open a PDF in a new tab, ready to be printed. The tab is opened at once, as browsers let through only what a click opens. */
export async function openPaper(path: string): Promise<void> {
  const tab = window.open('', '_blank');
  try {
    const address = URL.createObjectURL(await fetched(path, 'application/pdf'));
    if (tab) tab.location.href = address;
    else window.location.href = address;
    setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
  } catch (error) {
    tab?.close();
    throw error;
  }
}
