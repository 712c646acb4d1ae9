// The backend inside the app's own window. The only file that imports @tauri-apps.

import { Channel, invoke } from '@tauri-apps/api/core'
import { listen } from '@tauri-apps/api/event'
import { getCurrentWebview } from '@tauri-apps/api/webview'
import { open } from '@tauri-apps/plugin-dialog'
import type { Event as DeskEvent } from '../wire'
import type { Answer, Backend, CommandName, Drop, OnEvent, Request } from './index'

/** Stops listening, also when listening has not started yet. */
function unlisten(started: Promise<() => void>): () => void {
  return () => void started.then((stop) => stop())
}

export const tauri: Backend = {
  call<C extends CommandName>(name: C, request: Request<C>, onEvent?: OnEvent): Promise<Answer<C>> {
    const channel = new Channel<DeskEvent>()
    channel.onmessage = (event) => onEvent?.(event)
    return invoke<Answer<C>>('call', { name, request, channel })
  },

  // Events arrive in batches, so that the page is drawn once per batch.
  listen: (onEvent) =>
    unlisten(listen<DeskEvent[]>('desk', ({ payload }) => payload.forEach(onEvent))),

  onDrop(onDrop: (drop: Drop) => void) {
    return unlisten(
      getCurrentWebview().onDragDropEvent(({ payload }) => {
        if (payload.type === 'drop') onDrop({ paths: payload.paths })
        else if (payload.type !== 'over') onDrop({ over: payload.type === 'enter' })
      }),
    )
  },

  pickFiles: async () => (await open({ multiple: true })) ?? undefined,
  pickFolder: async () => (await open({ directory: true })) ?? undefined,
}

/** Whether the page runs inside the app's window. */
export const inApp = (): boolean => '__TAURI_INTERNALS__' in window
