// Saves a value while it changes: after a short pause, and during steady typing at least once
// per `maxDelay`. Saves never overlap, and an older value never overwrites a newer one. A failed
// save is retried with the newest value. The class does not know what it saves.

import { toFailure } from '../backend'
import type { Failure, Saved } from '../wire'

export interface Timing {
  /** How long a pause must be before a save, in milliseconds. */
  delay: number
  /** The longest that a change waits during steady typing, in milliseconds. */
  maxDelay: number
}

const MIN_RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000

export class Autosave<T> {
  /** When the last save finished, by this computer's clock. */
  savedAt = $state<number>()
  /** Why the last save failed; `undefined` if it succeeded. */
  error = $state<Failure>()
  /** Whether there are changes that are not on disk yet. */
  unsaved = $state(false)

  #pending: { value: T } | undefined
  #pendingSince = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #saving: Promise<void> | undefined
  #failures = 0

  constructor(
    private readonly save: (value: T) => Promise<Saved>,
    private readonly timing: Timing,
  ) {}

  /** Sets the current value and schedules a save. */
  set(value: T): void {
    if (!this.#pending) this.#pendingSince = Date.now()
    this.#pending = { value }
    this.unsaved = true
    // While saves fail, changes wait for the next retry: an earlier save would fail as well.
    if (this.#failures > 0 && this.#timer) return
    const left = this.#pendingSince + this.timing.maxDelay - Date.now()
    this.#schedule(Math.max(0, Math.min(this.timing.delay, left)))
  }

  /** Saves at once. Returns whether everything is on disk. */
  async flush(): Promise<boolean> {
    this.#cancel()
    while (this.#saving) await this.#saving
    if (this.#pending) await this.#run()
    return !this.unsaved
  }

  /** Forgets all state. Call it only after a flush that succeeded. */
  reset(): void {
    this.#cancel()
    this.#pending = undefined
    this.#failures = 0
    this.unsaved = false
    this.savedAt = undefined
    this.error = undefined
  }

  #schedule(ms: number): void {
    this.#cancel()
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#run()
    }, ms)
  }

  #cancel(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #run(): Promise<void> {
    // Saves never overlap: a caller joins the save in progress.
    this.#saving ??= this.#savePending().finally(() => (this.#saving = undefined))
    return this.#saving
  }

  async #savePending(): Promise<void> {
    while (this.#pending) {
      const { value } = this.#pending
      this.#pending = undefined
      try {
        await this.save(value)
      } catch (thrown) {
        // Keep the value for the retry, unless a newer one has replaced it.
        this.#pending ??= { value }
        this.error = toFailure(thrown)
        this.#schedule(Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** this.#failures++))
        return
      }
      this.#failures = 0
      this.error = undefined
      this.savedAt = Date.now()
      if (this.#timer) break // a change during the save has its own timer
    }
    this.unsaved = this.#pending !== undefined
  }
}
