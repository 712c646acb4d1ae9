// Counting and saying: numbers, dates and lengths of time as a person reads them.

// Runs of letters and digits; an apostrophe, hyphen, point or comma inside one belongs to it.
const WORD = /[\p{L}\p{N}\p{M}]+(?:['’.,-](?=[\p{L}\p{N}])[\p{L}\p{N}\p{M}]+)*/gu

/** How many words a text has, near enough to the desk's own count to be shown beside it. */
export const countWords = (text: string): number => text.match(WORD)?.length ?? 0

const number = new Intl.NumberFormat('en')
export const say = (n: number): string => number.format(n)

/** `1 word`, `2 words`. */
export const many = (n: number, one: string, more = `${one}s`): string =>
  `${say(n)} ${n === 1 ? one : more}`

export const percent = (share: number): string => `${Math.round(share * 100)} %`

/** `3.214`, or a dash where there is no figure. */
export const figure = (n: number | null | undefined, digits = 3): string =>
  n == null ? '–' : n.toFixed(digits)

/** `12 March 2026`; what is no date stays as it is. */
export function day(at: string | null | undefined): string {
  if (!at) return ''
  // A bare day is the writer's, not midnight in London.
  const date = new Date(at.length === 10 ? `${at}T12:00:00` : at)
  if (Number.isNaN(date.getTime())) return at
  return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
}

/** `today, 14:03`, or the day. */
export function moment(at: string, now = Date.now()): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return at
  const time = date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  const days = Math.round((midnight(now) - midnight(date.getTime())) / 86_400_000)
  if (days === 0) return `today, ${time}`
  if (days === 1) return `yesterday, ${time}`
  return day(at)
}

const midnight = (at: number): number => new Date(at).setHours(0, 0, 0, 0)

/** `saved just now`, `saved at 14:03`. */
export function saved(at: number, now = Date.now()): string {
  if (now - at < 60_000) return 'saved just now'
  return `saved at ${new Date(at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}`
}

/** `about 4 minutes`. */
export function span(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return 'unknown'
  if (seconds < 5) return 'a moment'
  if (seconds < 55) return `${Math.ceil(seconds / 5) * 5} seconds`
  if (seconds < 90) return 'about a minute'
  if (seconds < 3_300) return `about ${Math.round(seconds / 60)} minutes`
  const hours = Math.round(seconds / 1_800) / 2
  return hours === 1 ? 'about an hour' : `about ${say(hours)} hours`
}

/** `1.4 GB`. */
export function bytes(n: number): string {
  if (n < 1e6) return `${say(Math.round(n / 1e3))} kB`
  if (n < 1e9) return `${say(Math.round(n / 1e6))} MB`
  return `${(n / 1e9).toFixed(1)} GB`
}

/** The last part of a path. */
export const fileName = (path: string): string => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path

/** The different ones among some names, in order. */
export const sortedUnique = (names: string[]): string[] => [...new Set(names)].sort()
