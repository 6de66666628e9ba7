// Numbers and times as people read them.

const whole = new Intl.NumberFormat('en', {maximumFractionDigits: 0});

export const count = (value) => whole.format(value);

export const speed = (value) => `${value < 100 ? value.toFixed(1) : whole.format(value)} tok/s`;

export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

export function many(number, one, more) { return `${count(number)} ${number === 1 ? one : more}`; }

// What a finished answer took, in one line.
export function statsLine(stats) {
  if (!stats) return '';
  const parts = [];
  if (stats.answerTokens !== undefined) {
    parts.push(
        many(stats.answerTokens, 'token', 'tokens') +
        (stats.speed ? ` at ${speed(stats.speed)}` : ''));
  }
  if (stats.promptTokens !== undefined) {
    const cached = stats.cachedTokens ? ` (${count(stats.cachedTokens)} cached)` : '';
    const took = stats.promptMs ? ` in ${(stats.promptMs / 1000).toFixed(1)} s` : '';
    parts.push(`prompt ${count(stats.promptTokens)}${cached}${took}`);
  }
  return parts.join(' · ');
}

// The heading in the list under which a conversation of that time stands.
export function age(time, now = new Date()) {
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const day = 86_400_000;
  if (time >= today) return 'Today';
  if (time >= today - day) return 'Yesterday';
  if (time >= today - 7 * day) return 'Last 7 days';
  if (time >= today - 30 * day) return 'Last 30 days';
  return 'Earlier';
}
