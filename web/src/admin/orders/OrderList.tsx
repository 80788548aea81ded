import { DataTable, DateField, List, Pagination } from 'react-admin';
import { useWords } from '../../words/words';
import { PageHead } from '../frame/PageHead';

export default function OrderList() {
  const { t } = useWords();
  return (
    <>
      <PageHead title={t('orders.title')} />
      <List
        resource="orders"
        perPage={50}
        exporter={false}
        actions={false}
        pagination={<Pagination rowsPerPageOptions={[25, 50, 100]} />}
      >
        <DataTable>
          <DataTable.Col source="order_id" />
          <DataTable.Col source="order_date">
            <DateField source="order_date" showTime />
          </DataTable.Col>
          <DataTable.Col source="status" />
        </DataTable>
      </List>
    </>
  );
}
