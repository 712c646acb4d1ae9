// Keeps a value on disk while it is being changed: soon after a pause, at the latest after a
// while of steady typing, one save at a time and never an older value after a newer one.
// What could not be saved stays here and is tried again. It does not know what it saves.

import { failure } from '../backend'
import type { Failure, Saved } from '../wire'

export interface Pace {
  /** How long a pause must be, in milliseconds. */
  pause: number
  /** The longest a change waits while the writer goes on. */
  longest: number
}

const FIRST_RETRY = 1_000
const LAST_RETRY = 30_000

export class Autosave<T> {
  /** When the newest save was done, by this computer's clock. */
  savedAt = $state<number>()
  /** Why the newest save was not done. */
  trouble = $state<Failure>()
  /** Something is not on disk yet. */
  unsaved = $state(false)

  #waiting: { value: T } | undefined
  #since = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #atWork: Promise<void> | undefined
  #failures = 0

  constructor(
    private readonly save: (value: T) => Promise<Saved>,
    private readonly pace: Pace,
  ) {}

  /** The value is now this. */
  put(value: T): void {
    if (!this.#waiting) this.#since = Date.now()
    this.#waiting = { value }
    this.unsaved = true
    // While saving fails, new words wait for the next try: they would only fail faster.
    if (this.#failures > 0 && this.#timer) return
    const left = this.#since + this.pace.longest - Date.now()
    this.#wake(Math.max(0, Math.min(this.pace.pause, left)))
  }

  /** Saves at once. Answers whether everything is on disk. */
  async flush(): Promise<boolean> {
    this.#sleep()
    while (this.#atWork) await this.#atWork
    if (this.#waiting) await this.#run()
    return !this.unsaved
  }

  /** Starts afresh: nothing saved, nothing to save. Only after a flush that went well. */
  reset(): void {
    this.#sleep()
    this.#waiting = undefined
    this.#failures = 0
    this.unsaved = false
    this.savedAt = undefined
    this.trouble = undefined
  }

  #wake(after: number): void {
    this.#sleep()
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#run()
    }, after)
  }

  #sleep(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #run(): Promise<void> {
    // Saves never overlap: whoever comes while one is at work waits, then looks again.
    this.#atWork ??= this.#saveWaiting().finally(() => (this.#atWork = undefined))
    return this.#atWork
  }

  async #saveWaiting(): Promise<void> {
    while (this.#waiting) {
      const { value } = this.#waiting
      this.#waiting = undefined
      try {
        await this.save(value)
      } catch (thrown) {
        // The value goes back, unless a newer one has come meanwhile.
        this.#waiting ??= { value }
        this.trouble = failure(thrown)
        this.#wake(Math.min(LAST_RETRY, FIRST_RETRY * 2 ** this.#failures++))
        return
      }
      this.#failures = 0
      this.trouble = undefined
      this.savedAt = Date.now()
      if (this.#timer) break // what came meanwhile has its own time
    }
    this.unsaved = this.#waiting !== undefined
  }
}
