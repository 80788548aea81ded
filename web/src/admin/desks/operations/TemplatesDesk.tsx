/** The templates of messages as customers get them, written with made-up facts, in each language. */
import Tab from '@mui/material/Tab';
import Tabs from '@mui/material/Tabs';
import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/notification';
import { useWords } from '../../../words/words';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { useChoice } from '../kit/useChoice';
import { Letter } from './Letter';

type Template = components['schemas']['Template'];
type Channel = components['schemas']['Channel'];

export function TemplatesDesk() {
  const { t } = useWords();
  const templates = useQuery({
    queryKey: ['templates'],
    queryFn: () => told(api.GET('/api/admin/notifications/templates')),
    retry: false,
  });
  const [name, setName] = useChoice('template', 'received');
  const [channel, setChannel] = useChoice('channel', 'email');
  const [locale, setLocale] = useChoice('locale', 'en');
  const chosen = templates.data?.items.find((one) => one.name === name);
  const shown = chosen?.channels.includes(channel as Channel) ? channel : (chosen?.channels[0] ?? 'email');
  return (
    <Desk title={t('templates.title')} intro={t('templates.intro')}>
      <Refusal error={templates.error} again={() => void templates.refetch()} />
      {templates.isPending && !templates.error ? <Waiting /> : null}
      {templates.data && chosen ? (
        <Part>
          <Bar label={t('desks.filters')}>
            <Choice
              label={t('notifications.template')}
              value={name}
              set={setName}
              of={templates.data.items.map((one) => ({ value: one.name, label: t(`template.${one.name}`) }))}
            />
            <Choice
              label={t('notifications.channel')}
              value={shown}
              set={setChannel}
              of={chosen.channels.map((value) => ({ value, label: t(`channel.${value}`) }))}
            />
          </Bar>
          <Tabs value={locale} onChange={(_, next) => setLocale(next)} aria-label={t('templates.language')} sx={{ mb: 2 }}>
            {chosen.locales.map((one) => (
              <Tab key={one} value={one} label={t(`language.${one}`)} />
            ))}
          </Tabs>
          <Preview name={name as Template} channel={shown as Channel} locale={locale} />
        </Part>
      ) : null}
    </Desk>
  );
}

function Preview({ name, channel, locale }: { name: Template; channel: Channel; locale: string }) {
  const preview = useQuery({
    queryKey: ['templates', name, channel, locale],
    queryFn: () =>
      told(
        api.GET('/api/admin/notifications/templates/{name}/preview', {
          params: { path: { name }, query: { channel, locale } },
        }),
      ),
    retry: false,
  });
  const { data } = preview;
  if (preview.isPending) return <Waiting />;
  if (!data) return <Refusal error={preview.error} again={() => void preview.refetch()} />;
  return <Letter of={data} />;
}
