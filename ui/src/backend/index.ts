// What the page asks of the world: one door, one stream of events, and what only a window can do.
// It names no Tauri; `tauri.ts` and `demo.ts` stand behind it.

import type { Commands, Event as DeskEvent, Failure } from '../wire'

export type Name = keyof Commands
export type Request<C extends Name> = Commands[C][0]
export type Answer<C extends Name> = Commands[C][1]
export type Hear = (event: DeskEvent) => void
/** Something is being dragged over the window, or was let go of. */
export type Drop = { over: boolean } | { paths: string[] }

export interface Backend {
  /**
   * Runs a command. `hear` is told what happens meanwhile, in order. The last of it may come
   * after the answer, so a stream ends with its own last event, never with the promise.
   */
  call<C extends Name>(name: C, request: Request<C>, hear?: Hear): Promise<Answer<C>>
  /** What happens while nobody asks. Returns how to stop listening. */
  listen(hear: Hear): () => void
  onDrop(hear: (drop: Drop) => void): () => void
  /** `undefined` when the writer thought better of it. */
  pickFiles(): Promise<string[] | undefined>
  pickFolder(): Promise<string | undefined>
}

/** Whatever was thrown, as a failure with a sentence. */
export function failure(thrown: unknown): Failure {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    return thrown as Failure
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return { code: 'bug', message }
}
