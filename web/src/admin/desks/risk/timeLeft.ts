/** How much time is left until a moment, in the largest two units that matter. */
export interface TimeLeft {
  over: boolean;
  days: number;
  hours: number;
  minutes: number;
}

const MINUTE = 60_000;

export function timeLeft(until: string, now: number): TimeLeft {
  const left = new Date(until).getTime() - now;
  const minutes = Math.ceil(Math.abs(left) / MINUTE);
  return { over: left <= 0, days: Math.floor(minutes / 1440), hours: Math.floor((minutes % 1440) / 60), minutes: minutes % 60 };
}

/** Tell how pressing it is: late, within the hour, or not yet. */
export const urgency = ({ over, days, hours }: TimeLeft): 'late' | 'soon' | 'calm' => {
  if (over) return 'late';
  return days === 0 && hours === 0 ? 'soon' : 'calm';
};
