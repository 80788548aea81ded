/**
 * Make a message's page fit for a frame under the panel's content security policy. Mails carry their styles in attributes, as mail
 * programs want it; the policy lets no such style in. So each becomes a rule of a style sheet that carries the page's nonce.
 */
export function framed(html: string, nonce: string | undefined): string {
  const rules: string[] = [];
  const unescaped = (text: string) => text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');
  const marked = html.replaceAll(/\sstyle="([^"]*)"/g, (_, style: string) => {
    rules.push(`[data-look="${rules.length}"]{${unescaped(style)}}`);
    return ` data-look="${rules.length - 1}"`;
  });
  const carrying = nonce ? ` nonce="${nonce}"` : '';
  const known = marked.replaceAll(/<style\b/g, `<style${carrying}`);
  const sheet = `<style${carrying}>${rules.join('\n').replaceAll('</', '')}</style>`;
  return /<\/head>/i.test(known) ? known.replace(/<\/head>/i, `${sheet}</head>`) : sheet + known;
}
