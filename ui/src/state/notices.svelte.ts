// Messages to the writer: one per topic, removed when the next attempt on that topic succeeds.

import { toFailure } from '../backend'

export type Tone = 'error' | 'success'
export interface Notice {
  /** What the notice is about; a newer notice with the same topic replaces it. */
  topic: string
  message: string
  tone: Tone
}

/** How long a success is shown. An error stays until it is resolved or dismissed. */
const SUCCESS_MS = 8_000

export class Notices {
  list = $state<Notice[]>([])

  show(topic: string, message: string, tone: Tone = 'success'): void {
    const notice = { topic, message, tone }
    const at = this.list.findIndex((one) => one.topic === topic)
    if (at < 0) this.list.push(notice)
    else this.list[at] = notice
    if (tone === 'success') setTimeout(() => this.#clearIf(topic, message), SUCCESS_MS)
  }

  clear(topic: string): void {
    this.list = this.list.filter((one) => one.topic !== topic)
  }

  #clearIf(topic: string, message: string): void {
    if (this.list.some((one) => one.topic === topic && one.message === message)) this.clear(topic)
  }

  /** Runs some work. If it fails, shows why and returns `undefined`. */
  async attempt<T>(topic: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await work()
      this.clear(topic)
      return answer
    } catch (thrown) {
      this.show(topic, toFailure(thrown).message, 'error')
      return undefined
    }
  }
}
