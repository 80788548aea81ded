/** The templates of messages as customers get them, written with made-up facts, in each language. */
import Box from '@mui/material/Box';
import Tab from '@mui/material/Tab';
import Tabs from '@mui/material/Tabs';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/notification';
import { useWords } from '../../../words/words';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { useChoice } from '../kit/useChoice';

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
  const { t } = useWords();
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
  return (
    <Box lang={data.locale}>
      {data.subject ? (
        <>
          <Typography variant="h3" component="h2">
            {t('templates.subject')}
          </Typography>
          <Typography sx={{ mb: 3 }}>{data.subject}</Typography>
        </>
      ) : null}
      <Box sx={{ display: 'grid', gap: 3, gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'repeat(2, minmax(0, 1fr))' } }}>
        <div>
          <Typography variant="h3" component="h2" gutterBottom>
            {t('templates.text')}
          </Typography>
          <Box
            component="pre"
            tabIndex={0}
            aria-label={t('templates.text')}
            sx={{
              whiteSpace: 'pre-wrap',
              overflowWrap: 'anywhere',
              m: 0,
              p: 2,
              border: 1,
              borderColor: 'divider',
              fontSize: '0.85rem',
            }}
          >
            {data.text}
          </Box>
        </div>
        {data.html ? (
          <div>
            <Typography variant="h3" component="h2" gutterBottom>
              {t('templates.html')}
            </Typography>
            <Box
              component="iframe"
              title={t('templates.html')}
              sandbox=""
              srcDoc={data.html}
              sx={{ width: '100%', height: 620, border: 1, borderColor: 'divider', backgroundColor: '#fff' }}
            />
          </div>
        ) : null}
      </Box>
    </Box>
  );
}
