import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Autosave } from './autosave.svelte'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const timing = { delay: 250, maxDelay: 800 }
const full = { code: 'disk_full', message: 'The disk is full.' }

/** An autosave that records what it saves; each save takes `ms`. */
function recorder(ms = 0) {
  const saves: string[] = []
  let failures = 0
  let maxConcurrent = 0
  let concurrent = 0
  const autosave = new Autosave<string>(async (text) => {
    maxConcurrent = Math.max(maxConcurrent, ++concurrent)
    if (ms > 0) await new Promise((done) => setTimeout(done, ms))
    concurrent--
    if (failures-- > 0) throw full
    saves.push(text)
    return { at: '' }
  }, timing)
  return {
    autosave,
    saves,
    fail: (times: number) => (failures = times),
    maxConcurrent: () => maxConcurrent,
  }
}

test('a pause saves the newest text once', async () => {
  const { autosave, saves } = recorder()
  autosave.set('a')
  autosave.set('ab')
  await vi.advanceTimersByTimeAsync(249)
  expect(saves).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(saves).toEqual(['ab'])
  expect(autosave.unsaved).toBe(false)
})

test('steady typing is saved within a second', async () => {
  const { autosave, saves } = recorder()
  for (let n = 0; n < 10; n++) {
    autosave.set('x'.repeat(n + 1))
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(saves.length).toBeGreaterThanOrEqual(1)
})

test('saves never overlap and keep their order', async () => {
  const { autosave, saves, maxConcurrent } = recorder(2_000)
  autosave.set('one')
  await vi.advanceTimersByTimeAsync(300)
  autosave.set('two')
  await vi.advanceTimersByTimeAsync(300)
  autosave.set('three')
  await vi.advanceTimersByTimeAsync(10_000)
  expect(saves.at(-1)).toBe('three')
  const order = ['one', 'two', 'three']
  expect(saves).toEqual([...saves].sort((a, b) => order.indexOf(a) - order.indexOf(b)))
  expect(maxConcurrent()).toBe(1)
})

test('a failed save is retried with the newest text and growing delays', async () => {
  const { autosave, saves, fail } = recorder()
  fail(2)
  autosave.set('a')
  await vi.advanceTimersByTimeAsync(250)
  expect(autosave.error?.message).toBe('The disk is full.')
  autosave.set('ab')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(saves).toEqual([])
  expect(autosave.unsaved).toBe(true)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(saves).toEqual(['ab'])
  expect(autosave.error).toBeUndefined()
})

test('a flush waits for the save in progress, then saves at once', async () => {
  const { autosave, saves } = recorder(500)
  autosave.set('one')
  await vi.advanceTimersByTimeAsync(300)
  autosave.set('two')
  const flushed = autosave.flush()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await flushed).toBe(true)
  expect(saves).toEqual(['one', 'two'])
})

test('a flush that fails returns false and keeps the text', async () => {
  const { autosave, saves, fail } = recorder()
  fail(1)
  autosave.set('a')
  const flushed = autosave.flush()
  await vi.advanceTimersByTimeAsync(0)
  expect(await flushed).toBe(false)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(saves).toEqual(['a'])
})
