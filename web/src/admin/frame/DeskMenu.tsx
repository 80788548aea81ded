import Dashboard from '@mui/icons-material/Dashboard';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { Menu, MenuItemLink, useSidebarState } from 'react-admin';
import { usePerson } from '../../session/usePerson';
import { useWords } from '../../words/words';
import { GROUPS } from '../desk';
import { openTo } from '../everyDesk';

/** The menu: the desks that are open to the person, in groups. */
export function DeskMenu() {
  const { t } = useWords();
  const [isOpen] = useSidebarState();
  const person = usePerson();
  const open = openTo(person?.roles ?? new Set());
  return (
    <Menu>
      <MenuItemLink to="/" primaryText={t('desk.start')} leftIcon={<Dashboard />} />
      {GROUPS.map((group) => {
        const members = open.filter((desk) => desk.group === group);
        if (members.length === 0) return null;
        return (
          <Box key={group} role="none" sx={{ pb: 1 }}>
            {isOpen && (
              <Typography role="presentation" variant="overline" color="text.secondary" sx={{ px: 2, lineHeight: 2 }}>
                {t(`group.${group}`)}
              </Typography>
            )}
            {members.map(({ name, icon: Icon }) => (
              <MenuItemLink key={name} to={`/${name}`} primaryText={t(`desk.${name}`)} leftIcon={<Icon />} />
            ))}
          </Box>
        );
      })}
    </Menu>
  );
}
