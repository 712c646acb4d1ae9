// Numbers, dates, durations and sizes as a person reads them.

// Runs of letters and digits; an apostrophe, hyphen, point or comma inside one belongs to it.
const WORD = /[\p{L}\p{N}\p{M}]+(?:['’.,-](?=[\p{L}\p{N}])[\p{L}\p{N}\p{M}]+)*/gu

/** Words in a text, counted almost as the desk counts them. */
export const countWords = (text: string): number => text.match(WORD)?.length ?? 0

const number = new Intl.NumberFormat('en')
export const formatNumber = (n: number): string => number.format(n)

/** `1 word`, `2 words`. */
export const plural = (n: number, one: string, more = `${one}s`): string =>
  `${formatNumber(n)} ${n === 1 ? one : more}`

export const formatPercent = (share: number): string =>
  `${Math.round(share * 100)}\u00a0%`.replace('-', '−')

/** `3.214`, or a dash when there is no value. */
export const formatDecimal = (n: number | null | undefined, digits = 3): string =>
  n == null ? '–' : n.toFixed(digits)

/** `12 Mar 2026`; text that is not a date is returned as it is. */
export function formatDate(at: string | null | undefined): string {
  if (!at) return ''
  // A date without a time is the writer's local day, not midnight in UTC.
  const date = new Date(at.length === 10 ? `${at}T12:00:00` : at)
  if (Number.isNaN(date.getTime())) return at
  return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
}

/** `today, 14:03`, `yesterday, 14:03`, or the date. */
export function formatDateTime(at: string, now = Date.now()): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return at
  const days = Math.round((midnight(now) - midnight(date.getTime())) / 86_400_000)
  if (days === 0) return `today, ${formatTime(date)}`
  if (days === 1) return `yesterday, ${formatTime(date)}`
  return formatDate(at)
}

const midnight = (at: number): number => new Date(at).setHours(0, 0, 0, 0)

const formatTime = (date: Date): string =>
  date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })

/** `Saved just now`, `Saved at 14:03`. */
export function formatSaved(at: number, now = Date.now()): string {
  return now - at < 60_000 ? 'Saved just now' : `Saved at ${formatTime(new Date(at))}`
}

/** `about 4 minutes`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return 'unknown'
  if (seconds < 5) return 'a few seconds'
  if (seconds < 55) return `${Math.ceil(seconds / 5) * 5} seconds`
  if (seconds < 90) return 'about a minute'
  if (seconds < 3_300) return `about ${Math.round(seconds / 60)} minutes`
  const hours = Math.round(seconds / 1_800) / 2
  return hours === 1 ? 'about an hour' : `about ${formatNumber(hours)} hours`
}

/** `1.4 GB`. */
export function formatBytes(n: number): string {
  if (n < 1e6) return `${formatNumber(Math.round(n / 1e3))} kB`
  if (n < 1e9) return `${formatNumber(Math.round(n / 1e6))} MB`
  return `${(n / 1e9).toFixed(1)} GB`
}

/** The last part of a path. */
export const fileName = (path: string): string => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path

/** Names without duplicates, in alphabetical order. */
export const sortedUnique = (names: string[]): string[] => [...new Set(names)].sort()
