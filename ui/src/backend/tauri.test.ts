// The Tauri backend against Tauri's own mocks of the other side.

import { emit } from '@tauri-apps/api/event'
import { clearMocks, mockIPC } from '@tauri-apps/api/mocks'
import { afterEach, expect, test } from 'vitest'
import type { Event as DeskEvent } from '../wire'
import { toFailure } from './index'
import { tauri } from './tauri'

afterEach(clearMocks)

const failed: DeskEvent = { event: 'draft_failed', failure: { code: 'busy', message: 'Busy.' } }

test('a command is sent by name, and its last event may arrive after the answer', async () => {
  let sent: Record<string, unknown> = {}
  mockIPC((command, args) => {
    sent = { command, ...(args as object) }
    return {}
  })
  const events: DeskEvent[] = []
  expect(await tauri.call('draft_stop', {}, (event) => events.push(event))).toEqual({})
  expect(sent).toMatchObject({ command: 'call', name: 'draft_stop', request: {} })
  ;(sent.channel as { onmessage: (event: DeskEvent) => void }).onmessage(failed)
  expect(events).toEqual([failed])
})

test('a failed command throws a failure with its code and its sentence', async () => {
  const failure = { code: 'not_found', message: 'No draft has the id 9.' }
  mockIPC(() => {
    throw failure
  })
  expect(await tauri.call('draft_read', { draft: 9 }).catch(toFailure)).toEqual(failure)
})

test('events arrive until the page stops listening', async () => {
  mockIPC(() => {}, { shouldMockEvents: true })
  const events: DeskEvent[] = []
  const stop = tauri.listen((event) => events.push(event))
  await emit('desk', [failed, failed])
  stop()
  await Promise.resolve().then(() => emit('desk', [failed]))
  expect(events).toEqual([failed, failed])
})
