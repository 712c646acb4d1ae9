// The window's side of the door against Tauri's own mock of the other side.

import { emit } from '@tauri-apps/api/event'
import { clearMocks, mockIPC } from '@tauri-apps/api/mocks'
import { afterEach, expect, test } from 'vitest'
import type { Event as DeskEvent } from '../wire'
import { failure } from './index'
import { tauri } from './tauri'

afterEach(clearMocks)

const written: DeskEvent = { event: 'draft_failed', failure: { code: 'busy', message: 'Later.' } }

test('a command goes through the one door, and its last word may come after the answer', async () => {
  let asked: Record<string, unknown> = {}
  mockIPC((command, args) => {
    asked = { command, ...(args as object) }
    return {}
  })
  const heard: DeskEvent[] = []
  expect(await tauri.call('draft_stop', {}, (event) => heard.push(event))).toEqual({})
  expect(asked).toMatchObject({ command: 'call', name: 'draft_stop', request: {} })
  ;(asked.channel as { onmessage: (event: DeskEvent) => void }).onmessage(written)
  expect(heard).toEqual([written])
})

test('a refusal arrives as a failure with its code and its sentence', async () => {
  mockIPC(() => {
    throw { code: 'not_found', message: 'There is no such draft.' }
  })
  const thrown = await tauri.call('draft_read', { draft: 9 }).catch(failure)
  expect(thrown).toEqual({ code: 'not_found', message: 'There is no such draft.' })
})

test('news is heard until one stops listening', async () => {
  mockIPC(() => {}, { shouldMockEvents: true })
  const heard: DeskEvent[] = []
  const stop = tauri.listen((event) => heard.push(event))
  await emit('desk', [written, written])
  stop()
  await Promise.resolve().then(() => emit('desk', [written]))
  expect(heard).toEqual([written, written])
})
