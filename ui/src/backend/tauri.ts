// The window's side of the door. The only file that imports @tauri-apps.

import { Channel, invoke } from '@tauri-apps/api/core'
import { listen } from '@tauri-apps/api/event'
import { getCurrentWebview } from '@tauri-apps/api/webview'
import { open } from '@tauri-apps/plugin-dialog'
import type { Event as DeskEvent } from '../wire'
import type { Answer, Backend, Drop, Hear, Name, Request } from './index'

/** Listening begins a moment later; stopping before that must still stop it. */
function stopper(started: Promise<() => void>): () => void {
  return () => void started.then((stop) => stop())
}

export const tauri: Backend = {
  call<C extends Name>(name: C, request: Request<C>, hear?: Hear): Promise<Answer<C>> {
    const channel = new Channel<DeskEvent>()
    channel.onmessage = (event) => hear?.(event)
    return invoke<Answer<C>>('call', { name, request, channel })
  },

  // They come several at a time, so that the page is drawn once for all of them.
  listen: (hear) => stopper(listen<DeskEvent[]>('desk', ({ payload }) => payload.forEach(hear))),

  onDrop(hear: (drop: Drop) => void) {
    return stopper(
      getCurrentWebview().onDragDropEvent(({ payload }) => {
        if (payload.type === 'drop') hear({ paths: payload.paths })
        else if (payload.type !== 'over') hear({ over: payload.type === 'enter' })
      }),
    )
  },

  pickFiles: async () => (await open({ multiple: true })) ?? undefined,
  pickFolder: async () => (await open({ directory: true })) ?? undefined,
}

/** Whether this page stands in the app's own window. */
export const inWindow = (): boolean => '__TAURI_INTERNALS__' in window
