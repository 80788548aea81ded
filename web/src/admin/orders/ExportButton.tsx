import Download from '@mui/icons-material/Download';
import Button from '@mui/material/Button';
import { useState } from 'react';
import { useListContext, useNotify } from 'react-admin';
import { download } from '../../api/client';
import { useProblemText } from '../../words/useProblemText';
import { useWords } from '../../words/words';
import { queryOf, today } from './source';

/** The list as it is narrowed now, all of it, as the service's own file. */
export function ExportButton() {
  const { t } = useWords();
  const say = useProblemText();
  const notify = useNotify();
  const { filterValues, sort } = useListContext();
  const [isLoading, setLoading] = useState(false);

  const fetchFile = async () => {
    setLoading(true);
    try {
      const query = Object.entries(queryOf(filterValues, sort)).map(([name, value]): [string, string] => [name, String(value)]);
      await download(`/api/admin/orders/export?${new URLSearchParams(query)}`, `orders-${today()}.csv`, 'text/csv');
    } catch (error) {
      notify(say(error), { type: 'error' });
    } finally {
      setLoading(false);
    }
  };
  return (
    <Button startIcon={<Download />} loading={isLoading} onClick={fetchFile}>
      {t('orders.export')}
    </Button>
  );
}
