import Button from '@mui/material/Button';
import { useQuery } from '@tanstack/react-query';
import { useNotify } from 'react-admin';
import { api, download, told } from '../../../api/client';
import { moneyText } from '../../../look/money';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { Card } from '../../parts/Card';
import { Failed } from '../../parts/Failed';
import { Rows } from '../../parts/Rows';
import { useMay } from '../../roles';
import { reference } from '../source';

/** Invoices and credit notes as paper, and all that proves the order as one file. */
export function Documents({ orderId }: { orderId: string }) {
  const { t, language } = useWords();
  const say = useProblemText();
  const notify = useNotify();
  const mayProve = useMay('finance', 'support');
  const documents = useQuery({
    queryKey: ['order', orderId, 'documents'],
    queryFn: () => told(api.GET('/api/orders/{order_id}/documents', { params: { path: { order_id: orderId } } })),
  });
  const fetchFile = (path: string, name: string, type: string) =>
    download(path, name, type).catch((error) => notify(say(error), { type: 'error' }));
  const evidence = (
    <Button
      size="small"
      onClick={() =>
        fetchFile(`/api/admin/orders/${orderId}/evidence`, `evidence-${reference(orderId).slice(1)}.zip`, 'application/zip')
      }
    >
      {t('order.documents.evidence')}
    </Button>
  );
  return (
    <Card title={t('order.documents.title')} id="documents" actions={mayProve && evidence}>
      {documents.error && <Failed text={say(documents.error)} again={documents.refetch} />}
      <Rows
        empty={t('order.documents.none')}
        rows={documents.data?.items.map((one) => ({
          key: one.document_id,
          what: `${t(`document.${one.kind}`)} ${one.number}`,
          about: moneyText(one.total_amount, language),
          actions: (
            <Button
              size="small"
              aria-label={t('order.documents.open', { number: one.number })}
              onClick={() =>
                fetchFile(
                  `/api/orders/${orderId}/documents/${one.document_id}`,
                  `${one.number.replaceAll('/', '-')}.pdf`,
                  'application/pdf',
                )
              }
            >
              PDF
            </Button>
          ),
        }))}
      />
    </Card>
  );
}
