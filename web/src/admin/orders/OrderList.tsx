import { type Theme, useMediaQuery } from '@mui/material';
import Box from '@mui/material/Box';
import Paper from '@mui/material/Paper';
import { useMemo } from 'react';
import { FilterButton, FilterContext, FilterForm, ListBase, Pagination, useListContext } from 'react-admin';
import { useProblemText } from '../../words/useProblemText';
import { useWords } from '../../words/words';
import { PageHead } from '../frame/PageHead';
import { Empty } from '../parts/Empty';
import { Failed } from '../parts/Failed';
import { ExportButton } from './ExportButton';
import { filtersOf } from './filters';
import { OrderCards } from './OrderCards';
import { OrderTable } from './OrderTable';
import { OrderViews } from './OrderViews';

const NEWEST = { field: 'order_date', order: 'DESC' } as const;

/** All orders, narrowed by any axis; what is shown stands in the address. */
export default function OrderList() {
  const { t } = useWords();
  const filters = useMemo(() => filtersOf(t), [t]);
  return (
    <ListBase resource="orders" perPage={50} sort={NEWEST}>
      <FilterContext.Provider value={filters}>
        <PageHead title={t('orders.title')}>
          <FilterButton disableSaveQuery />
          <ExportButton />
        </PageHead>
        <OrderViews />
        <Box sx={{ '& .RaFilterForm-filterFormInput': { maxWidth: '100%' }, '& .MuiFormControl-root': { my: 0.5 } }}>
          <FilterForm />
        </Box>
        <Rows />
      </FilterContext.Provider>
    </ListBase>
  );
}

function Rows() {
  const { t } = useWords();
  const say = useProblemText();
  const { error, data, isPending, refetch } = useListContext();
  const isNarrow = useMediaQuery<Theme>((theme) => theme.breakpoints.down('md'));
  if (error) return <Failed text={say(error)} again={refetch} />;
  if (!isPending && data?.length === 0) return <Empty text={t('orders.none')} />;
  return (
    <Paper
      variant="outlined"
      sx={{
        mt: 1,
        position: 'relative',
        overflow: 'clip',
        borderWidth: { xs: 0, md: 1 },
        bgcolor: { xs: 'transparent', md: 'background.paper' },
      }}
    >
      {isNarrow ? <OrderCards /> : <OrderTable />}
      <Pagination rowsPerPageOptions={[25, 50, 100]} />
    </Paper>
  );
}
