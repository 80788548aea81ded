import { useTheme } from '@mui/material/styles';
import { type ReactNode, useEffect } from 'react';
import { Layout } from 'react-admin';
import { WeatherNotice } from '../../look/Weather';
import { AskToSignIn } from './AskToSignIn';
import { Bar } from './Bar';
import { DeskMenu } from './DeskMenu';

/** What stands around every page: bar, menu, and the notice that services cannot be reached. */
export function Frame({ children }: { children: ReactNode }) {
  const { palette } = useTheme();
  useEffect(() => {
    document.documentElement.dataset.theme = palette.mode; // for what is drawn with plain CSS
  }, [palette.mode]);
  return (
    <Layout
      appBar={Bar}
      appBarAlwaysOn
      menu={DeskMenu}
      sx={{
        minWidth: 0,
        '& .RaLayout-content': { px: { xs: 1.5, md: 3 }, pb: 6, minWidth: 0 },
        '& .RaLayout-contentWithSidebar': { minWidth: 0 },
      }}
    >
      <WeatherNotice />
      {children}
      <AskToSignIn />
    </Layout>
  );
}
