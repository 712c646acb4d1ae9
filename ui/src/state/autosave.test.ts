import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Autosave } from './autosave.svelte'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const pace = { pause: 250, longest: 800 }
const full = { code: 'disk_full', message: 'The disk is full.' }

/** An autosave that writes what it saves into a list; each save takes `ms`. */
function kept(ms = 0) {
  const saves: string[] = []
  let trouble = 0
  let most = 0
  let now = 0
  const autosave = new Autosave<string>(async (text) => {
    most = Math.max(most, ++now)
    if (ms > 0) await new Promise((done) => setTimeout(done, ms))
    now--
    if (trouble-- > 0) throw full
    saves.push(text)
    return { at: '' }
  }, pace)
  return { autosave, saves, fail: (times: number) => (trouble = times), most: () => most }
}

test('a pause saves the newest text once', async () => {
  const { autosave, saves } = kept()
  autosave.put('a')
  autosave.put('ab')
  await vi.advanceTimersByTimeAsync(249)
  expect(saves).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(saves).toEqual(['ab'])
  expect(autosave.unsaved).toBe(false)
})

test('steady typing is saved within a second', async () => {
  const { autosave, saves } = kept()
  for (let n = 0; n < 10; n++) {
    autosave.put('x'.repeat(n + 1))
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(saves.length).toBeGreaterThanOrEqual(1)
})

test('saves never overlap and never go back', async () => {
  const { autosave, saves, most } = kept(2_000)
  autosave.put('one')
  await vi.advanceTimersByTimeAsync(300)
  autosave.put('two')
  await vi.advanceTimersByTimeAsync(300)
  autosave.put('three')
  await vi.advanceTimersByTimeAsync(10_000)
  expect(saves.at(-1)).toBe('three')
  expect(saves).toEqual(
    [...saves].sort(
      (a, b) => ['one', 'two', 'three'].indexOf(a) - ['one', 'two', 'three'].indexOf(b),
    ),
  )
  expect(most()).toBe(1)
})

test('what could not be saved is tried again, the newest of it, ever more slowly', async () => {
  const { autosave, saves, fail } = kept()
  fail(2)
  autosave.put('a')
  await vi.advanceTimersByTimeAsync(250)
  expect(autosave.trouble?.message).toBe('The disk is full.')
  autosave.put('ab')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(saves).toEqual([])
  expect(autosave.unsaved).toBe(true)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(saves).toEqual(['ab'])
  expect(autosave.trouble).toBeUndefined()
})

test('a flush saves at once, after the save at work', async () => {
  const { autosave, saves } = kept(500)
  autosave.put('one')
  await vi.advanceTimersByTimeAsync(300)
  autosave.put('two')
  const flushed = autosave.flush()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await flushed).toBe(true)
  expect(saves).toEqual(['one', 'two'])
})

test('a flush that fails says so and keeps the text', async () => {
  const { autosave, saves, fail } = kept()
  fail(1)
  autosave.put('a')
  const flushed = autosave.flush()
  await vi.advanceTimersByTimeAsync(0)
  expect(await flushed).toBe(false)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(saves).toEqual(['a'])
})
