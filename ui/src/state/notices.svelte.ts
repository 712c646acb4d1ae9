// What has to be said to the writer: one sentence a thing, gone when the thing goes well.

import { failure } from '../backend'

export type Tone = 'trouble' | 'done'
export interface Said {
  /** What it is about; a later word about the same takes its place. */
  about: string
  sentence: string
  tone: Tone
}

/** How long good news stands, in milliseconds. Trouble stands until it is over or put away. */
const GOOD_NEWS = 8_000

export class Notices {
  list = $state<Said[]>([])

  say(about: string, sentence: string, tone: Tone = 'done'): void {
    const said = { about, sentence, tone }
    const at = this.list.findIndex((one) => one.about === about)
    if (at < 0) this.list.push(said)
    else this.list[at] = said
    if (tone === 'done') setTimeout(() => this.#clearIf(about, sentence), GOOD_NEWS)
  }

  clear(about: string): void {
    this.list = this.list.filter((one) => one.about !== about)
  }

  #clearIf(about: string, sentence: string): void {
    if (this.list.some((one) => one.about === about && one.sentence === sentence)) this.clear(about)
  }

  /** Does the work; says why where it fails, and answers `undefined` then. */
  async attempt<T>(about: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await work()
      this.clear(about)
      return answer
    } catch (thrown) {
      this.say(about, failure(thrown).message, 'trouble')
      return undefined
    }
  }
}
