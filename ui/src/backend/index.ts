// What the page needs from outside: commands, events, dropped files and file choosers.
// `tauri.ts` and `demo.ts` implement it; this file does not name Tauri.

import type { Commands, Event as DeskEvent, Failure } from '../wire'

export type CommandName = keyof Commands
export type Request<C extends CommandName> = Commands[C][0]
export type Answer<C extends CommandName> = Commands[C][1]
export type OnEvent = (event: DeskEvent) => void
/** Files are being dragged over the window, or were dropped on it. */
export type Drop = { over: boolean } | { paths: string[] }

export interface Backend {
  /**
   * Runs a command. `onEvent` receives its events in order. The last events may arrive after the
   * answer, so a stream ends with its own last event, never with the promise.
   */
  call<C extends CommandName>(name: C, request: Request<C>, onEvent?: OnEvent): Promise<Answer<C>>
  /** Listens to events that belong to no command. Returns a function that stops listening. */
  listen(onEvent: OnEvent): () => void
  /** Listens to dragged and dropped files. Returns a function that stops listening. */
  onDrop(onDrop: (drop: Drop) => void): () => void
  /** Paths of the chosen files; `undefined` when the writer cancels. */
  pickFiles(): Promise<string[] | undefined>
  /** Path of the chosen folder; `undefined` when the writer cancels. */
  pickFolder(): Promise<string | undefined>
}

/** Turns anything that was thrown into a failure with a code and a sentence. */
export function toFailure(thrown: unknown): Failure {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    return thrown as Failure
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return { code: 'bug', message }
}
